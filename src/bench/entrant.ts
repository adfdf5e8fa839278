import { fileURLToPath } from 'node:url';
import type { EngineName } from '../engine/names.ts';
import { Contestant } from './contestant.ts';
import type { Measure, Prepared, Setup, Timed } from './protocol.ts';

/** The process that times wm, compiled, since that is what runs; the path holds from src and from dist. */
const probe = fileURLToPath(new URL('../../dist/bench/probe.js', import.meta.url));
const peerFile = (name: string) => fileURLToPath(new URL(`../../bench/${name}_peer.py`, import.meta.url));

/** A program that can take part. */
export interface Program {
  /** An engine's or a peer's name. */
  by: string;
  command: string;
  args: readonly string[];
}

/** wm itself on one engine. */
export const engineProgram = (engine: EngineName): Program => ({
  by: engine,
  command: process.execPath,
  args: [...process.execArgv, probe, engine],
});

/** A peer, `bench/NAME_peer.py`. @param python that runs it */
export const peerProgram = (name: string, python: string): Program => ({
  by: name,
  command: python,
  args: [peerFile(name)],
});

/** A program that takes part, and what it has been timed at. */
export interface Entrant {
  by: string;
  contestant: Contestant;
  prepared: Prepared;
  /** One sample per round in which the measure was taken. */
  samples: Map<Measure, Timed[]>;
}

/**
 * Starts a program and has it warm up.
 *
 * @param threads that it may compute with
 * @throws UserError when it refuses or its process ends.
 */
export async function enter({ by, command, args }: Program, threads: number, setup: Setup): Promise<Entrant> {
  const contestant = new Contestant(by, command, args, threads);
  try {
    const prepared = await contestant.prepare(setup);
    const samples = new Map<Measure, Timed[]>(prepared.measures.map((measure) => [measure, []]));
    return { by, prepared, samples, contestant };
  } catch (error) {
    contestant.kill();
    throw error;
  }
}

/**
 * Samples of all entrants, who take turns sample by sample in an order that shifts each round, so that whatever else the
 * machine does slows all of them alike.
 *
 * @param measuresOf what is measured in a round
 */
export async function inTurns(
  entrants: readonly Pick<Entrant, 'samples' | 'contestant'>[],
  rounds: number,
  measuresOf: (round: number) => readonly Measure[],
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const first = round % entrants.length;
    const order = [...entrants.slice(first), ...entrants.slice(0, first)];
    for (const measure of measuresOf(round)) {
      for (const { samples, contestant } of order) samples.get(measure)?.push(await contestant.time(measure));
    }
  }
}
