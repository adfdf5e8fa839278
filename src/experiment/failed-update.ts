import type { Experiment } from '../config/schema.ts';
import type { FailedUpdate } from '../runs/failure.ts';
import type { Agent, InspectedUpdate } from '../training/agent.ts';
import type { MemberState } from '../training/state.ts';
import { train } from '../training/train.ts';
import { createAgent } from './create-agent.ts';
import type { OpenExperience } from './real-time.ts';
import { openDataOf } from './recorded-data.ts';

/** A failed update, made again. */
export interface ReplayedUpdate {
  /** The last state before it that can be gone on from; undefined where that is the start. */
  before: MemberState | undefined;
  /** Undefined for a method that cannot be looked into. */
  inspected: InspectedUpdate | undefined;
}

/**
 * Trains one seed again up to an update, from an earlier state (undefined: from the start), and looks into that update.
 * Training repeats to the byte, so nothing needs to be recorded on the way to a failure: it costs nothing until it happens.
 *
 * @param experience opens what an agent learns from in real time; gives undefined where it plays for itself
 * @param stopRequested asked at every event of the training: whether to give up
 * @returns undefined where it was given up
 */
export async function replayUpdate(
  experiment: Experiment,
  seed: number,
  state: MemberState | undefined,
  update: number,
  experience: (agent: Agent) => OpenExperience | undefined,
  stopRequested: () => Promise<boolean>,
): Promise<ReplayedUpdate | undefined> {
  const agent = await createAgent(experiment, [seed]);
  let before = state;
  let made = state?.update ?? 0;
  /** Updates of one round, as far as is known: some methods make several. */
  let together = 1;
  let inspecting: Promise<InspectedUpdate> | undefined;
  const inspect = () => {
    if (made === update - 1) inspecting ??= agent.inspectUpdate?.();
  };
  inspect();
  const recorded = experience(agent);
  try {
    const data = openDataOf(experiment);
    const from = state ? [state] : undefined;
    for await (const event of train(agent, experiment, [seed], from, data, recorded)) {
      if (await stopRequested()) return undefined;
      if (event.kind === 'failure') {
        // On another engine something else may fail before.
        if (event.update < update) inspecting = undefined;
        break;
      }
      if (event.kind !== 'step') continue;
      if (event.update >= update) break;
      together = Math.max(together, event.update - made);
      made = event.update;
      if (made + together >= update) before = (await event.save())[0] ?? before;
      inspect();
    }
    return { before, inspected: await inspecting };
  } finally {
    recorded?.close();
    agent.dispose();
  }
}

/** Finds the last state before a failed update, and what the update learnt from: see `replayUpdate`. */
export async function findFailure(
  experiment: Experiment,
  seed: number,
  state: MemberState | undefined,
  { update, reason }: { update: number; reason: string },
  experience: (agent: Agent) => OpenExperience | undefined,
  stopRequested: () => Promise<boolean>,
): Promise<FailedUpdate | undefined> {
  const replayed = await replayUpdate(experiment, seed, state, update, experience, stopRequested);
  return replayed && { update, reason, before: replayed.before, batch: replayed.inspected?.batch ?? {} };
}
