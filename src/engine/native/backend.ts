import * as tf from '@tensorflow/tfjs-core';
import { size } from '../size.ts';
import type { Addon, Values } from './addon.ts';
import { type Call, missing, type Output } from './kernel.ts';

/** A tensor's memory: what tfjs knows a tensor's values by, so that nothing is looked up on the way to them. */
class Held {
  /** 0 once it is freed. */
  address: number;
  readonly dtype: tf.DataType;
  readonly elements: number;
  /** How many tensors share it. */
  holders: number;

  constructor(address: number, dtype: tf.DataType, elements: number, holders: number) {
    this.address = address;
    this.dtype = dtype;
    this.elements = elements;
    this.holders = holders;
  }
}

/** How tfjs's types stand in memory. */
const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

function arrayOf(dtype: tf.DataType): (typeof arrays)[keyof typeof arrays] {
  const array = arrays[dtype as keyof typeof arrays];
  if (!array) throw new Error(`engine native has no tensors of ${dtype}`);
  return array;
}

/** TensorFlow.js's storage in the addon's memory: on cache lines of their own, freed as soon as no tensor holds them. */
export class NativeBackend extends tf.KernelBackend {
  readonly addon: Addon;
  /** Memory of tensors that another backend made, by what that one knows them by. */
  readonly #moved: tf.DataStorage<Held>;
  /** How many pieces of memory are held. */
  #count = 0;
  /** The addon's kernels, in the order of their numbers. */
  readonly kernelNames: readonly string[];
  readonly #kernels: ReadonlyMap<string, number>;
  /** The words of the next call. */
  #words = new Float64Array(256);

  /** @param instructionSet index in the addon's list */
  constructor(addon: Addon, instructionSet: number) {
    super();
    this.addon = addon;
    this.#moved = new tf.DataStorage(this, tf.engine());
    this.kernelNames = addon.use(instructionSet);
    this.#kernels = new Map(this.kernelNames.map((name, number) => [name, number]));
  }

  /** A kernel's number. @throws Error where there is none of that name */
  kernel(name: string): number {
    const number = this.#kernels.get(name);
    if (number === undefined) throw new Error(missing(name));
    return number;
  }

  address(dataId: object): number {
    return this.#held(dataId).address;
  }

  /** Has the addon compute one call, in memory that is there. */
  execute({ kernel, operands, parameters }: Call, outputs: readonly tf.TensorInfo[]): void {
    const count = operands.length + outputs.length;
    if (2 + count + parameters.length > this.#words.length) {
      this.#words = new Float64Array(2 * (2 + count + parameters.length));
    }
    const words = this.#words;
    words[0] = this.kernel(kernel);
    words[1] = count;
    let at = 2;
    for (const { dataId } of operands) words[at++] = this.address(dataId);
    for (const { dataId } of outputs) words[at++] = this.address(dataId);
    for (const parameter of parameters) words[at++] = parameter;
    this.addon.execute(words);
  }

  /** A new tensor, not initialised. @throws RangeError where there is no memory */
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo {
    return { dataId: this.#hold(size(shape), dtype, 1), shape, dtype };
  }

  /** New tensors that `fill` fills. Where that or the memory for one of them fails, none is left. */
  makeOutputs(wanted: readonly Output[], fill: (outputs: tf.TensorInfo[]) => void): tf.TensorInfo[] {
    const outputs: tf.TensorInfo[] = [];
    try {
      for (const { shape, dtype } of wanted) outputs.push(this.makeOutput(shape, dtype));
      fill(outputs);
      return outputs;
    } catch (error) {
      for (const { dataId } of outputs) this.disposeData(dataId);
      throw error;
    }
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const held = this.#hold(size(shape), dtype, 1);
    this.#fill(held, values);
    return held;
  }

  override move(
    dataId: object,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const held = this.#hold(size(shape), dtype, refCount);
    this.#fill(held, values);
    this.#moved.set(dataId, held);
  }

  override readSync(dataId: object): Values {
    const { address, dtype, elements } = this.#held(dataId);
    const values = new (arrayOf(dtype))(elements);
    this.addon.read(address, values);
    return values;
  }

  override async read(dataId: object): Promise<Values> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    const held = this.#find(dataId);
    if (!held) return true;
    held.holders--;
    if (!force && held.holders > 0) return false;
    this.addon.release(held.address);
    held.address = 0;
    this.#moved.delete(dataId);
    this.#count--;
    return true;
  }

  override incRef(dataId: object): void {
    this.#held(dataId).holders++;
  }

  override refCount(dataId: object): number {
    return this.#find(dataId)?.holders ?? 0;
  }

  override numDataIds(): number {
    return this.#count;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {}

  #hold(elements: number, dtype: tf.DataType, holders: number): Held {
    const bytes = elements * arrayOf(dtype).BYTES_PER_ELEMENT;
    const address = this.addon.allocate(bytes);
    if (address === 0) throw new RangeError(`allocation failed: ${bytes} bytes of memory`);
    this.#count++;
    return new Held(address, dtype, elements, holders);
  }

  /** The memory of a tensor, which is moved here if another backend has it. */
  #held(dataId: object): Held {
    return this.#find(dataId) ?? this.#moved.get(dataId);
  }

  /** The same if it is here; memory that was freed has become another backend's. */
  #find(dataId: object): Held | undefined {
    if (dataId instanceof Held && dataId.address !== 0) return dataId;
    return this.#moved.has(dataId) ? this.#moved.get(dataId) : undefined;
  }

  #fill({ address, dtype, elements }: Held, values: tf.BackendValues): void {
    const array = arrayOf(dtype);
    const given = values instanceof array ? values : array.from(values as ArrayLike<number>);
    tf.util.assert(given.length === elements, () => `${given.length} values for a tensor of ${elements}`);
    this.addon.write(address, given);
  }
}
