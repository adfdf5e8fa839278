import { setImmediate } from 'node:timers/promises';
import { startEngine } from '../engine/engine.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { lossColumns } from '../training/loss-log.ts';
import { metricColumns, train } from '../training/train.ts';
import { createAgent } from './create-agent.ts';
import { findFailure } from './failed-update.ts';
import type { Job, WorkerMessage } from './messages.ts';

/** What surrounds the training of some seeds: a worker process, or a test. */
export interface Surroundings {
  emit: (message: WorkerMessage) => void;
  /** Asked when messages and signals have been let in: whether to save and stop. */
  stopRequested: () => boolean;
  /** Called before anything is written; throws, or does not return, if this process may no longer write. */
  beforeWrite: () => void;
  /** Seconds from any origin, never going back. */
  clock: () => number;
}

/** A stop came before the log interval that would have named the term; training it again does. */
const NOT_FINITE =
  'a loss or weight is no longer finite; the same command goes on from its last good checkpoint';

/** Least seconds between two reports of the step: the parent takes a worker that reports none for hanging. */
const REPORT_EVERY = 0.1;

/** Least seconds between two looks at messages and signals: each is a turn of the event loop, dearer than a random step. */
const LOOK_EVERY = 0.02;

/**
 * Trains the seeds of a job from their checkpoints (or from the start) to the end or for a turn, writing rows and
 * checkpoints into their folders: the consumer of `train`'s events. A checkpoint follows every evaluation.
 */
export async function trainSeeds(
  { runDir, experiment, engine, seeds, turn }: Job,
  surroundings: Surroundings,
): Promise<void> {
  const { emit, stopRequested, beforeWrite, clock } = surroundings;
  const { device } = await startEngine(engine);
  const agent = await createAgent(experiment, seeds);
  const begin = clock();
  beforeWrite();
  const members = seeds.map((seed) => {
    const folder = new SeedFolder(runDir, seed);
    const checkpoint = folder.resumeCheckpoint();
    const metrics = folder.openMetrics(metricColumns(agent));
    const losses = folder.openLosses(lossColumns(agent));
    // What was written after the checkpoint is about to be written again.
    const { step, evaluationDue } = checkpoint?.state ?? { step: 0, evaluationDue: false };
    metrics.cutAfter(evaluationDue ? step - 1 : step);
    losses.cutAfter(step);
    const wallSeconds = () => (checkpoint?.wallSeconds ?? 0) + clock() - begin;
    return { seed, folder, metrics, losses, state: checkpoint?.state, wallSeconds };
  });
  const states = members.flatMap(({ state }) => state ?? []);
  const running = new Set(members);
  let checkpointDue = false;
  let reported = Number.NEGATIVE_INFINITY;
  let looked = Number.NEGATIVE_INFINITY;
  /** Says from time to time where the training stands, and lets messages and signals in. */
  const lookUp = async (step: number) => {
    const now = clock();
    if (now - looked < LOOK_EVERY) return;
    if (now - reported >= REPORT_EVERY) {
      for (const { seed } of running) emit({ kind: 'step', seed, step });
      reported = now;
    }
    await setImmediate();
    looked = clock();
  };
  let ended = { steps: states[0]?.step ?? 0, updates: states[0]?.update ?? 0 };
  const turnEnd = ended.steps + turn;

  for await (const event of train(agent, experiment, seeds, states.length > 0 ? states : undefined)) {
    if (event.kind === 'step' || event.kind === 'alive') {
      await lookUp(event.step);
      ended = { steps: event.step, updates: event.update };
      const turnOver = event.kind === 'step' && event.step >= turnEnd && event.step < experiment.steps;
      if (checkpointDue || stopRequested() || turnOver) {
        for (const [i, state] of (await event.save()).entries()) {
          const member = members[i]!;
          const { seed, folder, wallSeconds } = member;
          if (state) folder.writeCheckpoint({ state, wallSeconds: wallSeconds() }, beforeWrite);
          else if (running.delete(member)) emit({ kind: 'failed', seed, reason: NOT_FINITE });
        }
        checkpointDue = false;
      }
      if (stopRequested()) {
        for (const { seed } of running) emit({ kind: 'interrupted', seed });
        return;
      }
      if (turnOver) {
        for (const { seed } of running) emit({ kind: 'waiting', seed, step: event.step });
        return;
      }
      continue;
    }
    const member = members[event.member]!;
    const { seed, metrics, losses, wallSeconds } = member;
    if (event.kind === 'failure') {
      const { state } = member.folder.readCheckpoint() ?? {};
      const failure = await findFailure(experiment, seed, state, event, async () => {
        await lookUp(event.step);
        return stopRequested();
      });
      running.delete(member);
      if (!failure) {
        // The same command trains it to the same failure again.
        emit({ kind: 'interrupted', seed });
        continue;
      }
      beforeWrite();
      member.folder.writeFailure(failure);
      emit({
        kind: 'failed',
        seed,
        reason: `${event.reason}; wm replay-failure ${member.folder.dir} shows that update`,
      });
    } else if (event.kind === 'losses') {
      beforeWrite();
      losses.append({ seed, ...event.row });
    } else {
      beforeWrite();
      metrics.append({ seed, wall_seconds: wallSeconds(), ...event.row });
      emit({ kind: 'evaluation', seed, row: event.row });
      checkpointDue = true;
    }
  }
  beforeWrite();
  for (const { seed, folder, wallSeconds } of running) {
    folder.markDone({ ...ended, wallSeconds: wallSeconds(), engine, device, worker: { seeds } });
    emit({ kind: 'done', seed });
  }
}
