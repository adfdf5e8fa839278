import { size } from '../size.ts';
import { layOut, type Need } from './arena.ts';
import type { Box, Call } from './kernel.ts';

/** A call of the addon, its operands and outputs as numbered values. */
export interface PlannedStep {
  call: Call;
  operands: readonly number[];
  outputs: readonly number[];
  /** The values that nothing needs after it. */
  frees: readonly number[];
}

/** What a program computes with. */
export interface Values {
  /** Bytes of each. */
  bytes: readonly number[];
  /** Those that are results, with their index. */
  results: ReadonlyMap<number, number>;
  /** Those that are there from the start, with their address. */
  constants: ReadonlyMap<number, number>;
}

/** Where the addon finds a piece of memory, by its numbers for it. */
export const Place = { input: 0, result: 1, constant: 2, arena: 3 } as const;

/** A piece of memory that values stand in. */
export interface Buffer {
  place: (typeof Place)[keyof typeof Place];
  /** The index of an input or result, the address of a constant, the offset in the arena. */
  at: number;
  bytes: number;
}

export interface Location {
  buffer: number;
  /** In bytes. */
  offset: number;
}

export interface Placement {
  buffers: Buffer[];
  /** Of each value. */
  locations: Location[];
  arenaBytes: number;
  /** Of each step that moves: the boxes that still have to be moved, because source and target are not the same memory. */
  boxes: Map<number, Box[]>;
}

/**
 * Decides where the values of a program stand:
 *
 * - What is joined is made in its place in the whole, and what is cut stays in its place, where that is without gaps.
 * - An output takes the place of an operand of as many elements of its size that nothing needs any more, where its
 *   kernel allows and reads nothing else there: a row that is cut from it and broadcast.
 * - Buffers that are not needed at the same time share memory.
 */
export function place(steps: readonly PlannedStep[], { bytes, results, constants }: Values): Placement {
  const birth = new Map<number, number>();
  const death = new Map<number, number>();
  for (const [at, { outputs, frees }] of steps.entries()) {
    for (const value of outputs) birth.set(value, at);
    for (const value of frees) death.set(value, at);
  }
  const wholes = joins(steps, bytes, (value) => birth.has(value) && !results.has(value));

  const buffers: (Buffer & { needs: Need; values: number[] })[] = [];
  const locations: Location[] = [];
  const boxes = new Map<number, Box[]>();
  const lastNeed = (value: number) => death.get(value) ?? steps.length;
  const locate = (value: number, location: Location): Location => {
    const { needs, values } = buffers[location.buffer]!;
    needs.to = Math.max(needs.to, lastNeed(value));
    values.push(value);
    locations[value] = location;
    return location;
  };
  const inBuffer = (value: number, place: Buffer['place'], at: number, from: number): Location => {
    const needs = { bytes: bytes[value]!, from, to: from };
    const buffer = buffers.push({ place, at, bytes: bytes[value]!, needs, values: [] }) - 1;
    return locate(value, { buffer, offset: 0 });
  };
  /** Of a value in its own memory or in the whole that it becomes part of; made now. */
  const ownOrWhole = (value: number, now: number): Location => {
    const known = locations[value];
    if (known) return known;
    const result = results.get(value);
    if (result !== undefined) return inBuffer(value, Place.result, result, now);
    const whole = wholes.get(value);
    if (!whole) return inBuffer(value, Place.arena, 0, now);
    const { buffer, offset } = ownOrWhole(whole.value, now);
    return locate(value, { buffer, offset: offset + whole.offset });
  };

  // Of the inputs alone: the numbers of what steps made that no result needs are not used either.
  for (const value of new Set(steps.flatMap(({ operands }) => operands))) {
    const address = constants.get(value);
    if (address !== undefined) inBuffer(value, Place.constant, address, 0);
    else if (!birth.has(value)) inBuffer(value, Place.input, value, 0);
  }
  for (const [now, { call, operands, outputs }] of steps.entries()) {
    const cuts = cutsOf(steps[now]!, bytes);
    /** Whether an output may stand where an operand stood: nothing else there is read again, in this step or later. */
    const inherits = (output: number, operand: number): boolean => {
      const { buffer } = locations[operand]!;
      const { place, bytes: room, values } = buffers[buffer]!;
      const before = call.operands[operands.indexOf(operand)]!;
      const after = [call.outputs].flat()[outputs.indexOf(output)]!;
      return (
        place === Place.arena &&
        room === bytes[output] &&
        size(before.shape) === size(after.shape) &&
        operands.every((other) => locations[other]!.buffer !== buffer || bytes[other] === room) &&
        values.every((other) => lastNeed(other) <= now)
      );
    };
    const heirs = call.inPlace ? operands.filter((value) => death.get(value) === now) : [];
    for (const value of outputs) {
      if (locations[value]) continue;
      const cut = cuts.get(value);
      if (results.has(value) || wholes.has(value)) {
        ownOrWhole(value, now);
      } else if (cut) {
        const { buffer, offset } = locations[cut.value]!;
        locate(value, { buffer, offset: offset + cut.offset });
      } else {
        const heir = heirs.findIndex((operand) => inherits(value, operand));
        if (heir < 0) inBuffer(value, Place.arena, 0, now);
        else locate(value, { buffer: locations[heirs.splice(heir, 1)[0]!]!.buffer, offset: 0 });
      }
    }
    if (call.moved) {
      const { elementBytes } = call.moved;
      const isDone = ({ source, target, sourceOffset, targetOffset, ...box }: Box) => {
        const [from, to] = [locations[operands[source]!]!, locations[outputs[target]!]!];
        const begins = from.offset + sourceOffset * elementBytes === to.offset + targetOffset * elementBytes;
        return from.buffer === to.buffer && begins && isGapless(box);
      };
      boxes.set(
        now,
        call.moved.boxes.filter((box) => !isDone(box)),
      );
    }
  }
  const inArena = buffers.filter(({ place }) => place === Place.arena);
  const { offsets, bytes: arenaBytes } = layOut(inArena.map(({ needs }) => needs));
  for (const [i, buffer] of inArena.entries()) buffer.at = offsets[i]!;
  return { buffers, locations, arenaBytes, boxes };
}

/** Whether a box is one run of elements in both tensors. */
const isGapless = ({ extents, strides }: Pick<Box, 'extents' | 'strides'>): boolean =>
  extents.length === 1 && strides.every(([step]) => step === 1);

/** Whether a box is one run that makes up a whole tensor: from its first element on, all of its bytes. */
const isAllOf = (bytes: number, offset: number, box: Box, elementBytes: number): boolean =>
  isGapless(box) && offset === 0 && box.extents[0]! * elementBytes === bytes;

/** Where in a larger value another one stands, in bytes. */
interface Part {
  value: number;
  offset: number;
}

/** The outputs of a step that are cut from an operand in one run, and from where. */
function cutsOf({ call, operands, outputs }: PlannedStep, bytes: readonly number[]): Map<number, Part> {
  const cuts = new Map<number, Part>();
  for (const box of call.moved?.boxes ?? []) {
    const { elementBytes } = call.moved!;
    const target = outputs[box.target]!;
    if (!isAllOf(bytes[target]!, box.targetOffset, box, elementBytes)) continue;
    cuts.set(target, { value: operands[box.source]!, offset: box.sourceOffset * elementBytes });
  }
  return cuts;
}

/** Values that can be made where they become part of a larger one, and where in it that is. */
function joins(
  steps: readonly PlannedStep[],
  bytes: readonly number[],
  isFree: (value: number) => boolean,
): Map<number, Part> {
  const wholes = new Map<number, Part>();
  for (const { call, operands, outputs } of steps) {
    const moved = call.moved;
    if (!moved || outputs.length !== 1) continue;
    for (const box of moved.boxes) {
      const part = operands[box.source]!;
      const isWhole = isAllOf(bytes[part]!, box.sourceOffset, box, moved.elementBytes);
      if (!isWhole || !isFree(part) || wholes.has(part)) continue;
      wholes.set(part, { value: outputs[0]!, offset: box.targetOffset * moved.elementBytes });
    }
  }
  return wholes;
}
