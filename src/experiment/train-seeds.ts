import { setImmediate } from 'node:timers/promises';
import { startEngine } from '../engine/engine.ts';
import { filmScene } from '../pictures/film.ts';
import { sceneSvg } from '../pictures/scene-svg.ts';
import type { Agent } from '../training/agent.ts';
import type { MemberState } from '../training/state.ts';
import { train } from '../training/train.ts';
import { createAgent } from './create-agent.ts';
import { findFailure } from './failed-update.ts';
import { defaultDreams, type FilmPlan, makeFilm } from './make-film.ts';
import type { Job, WorkerMessage } from './messages.ts';
import { openExperience } from './real-time.ts';
import { openDataOf } from './recorded-data.ts';
import { SeedRecord } from './seed-record.ts';

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
export const REPORT_EVERY = 0.1;

/** Least seconds between two looks at messages and signals: each is a turn of the event loop, dearer than a random step. */
export const LOOK_EVERY = 0.02;

/** What a picture shows of an evaluation. */
const FILM: FilmPlan = { episodes: 1, steps: 200, dreams: defaultDreams };

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
  const data = openDataOf(experiment);
  const begin = clock();
  beforeWrite();
  const members = seeds.map((seed) => new SeedRecord(runDir, seed, experiment, agent, () => clock() - begin));
  const states = members.flatMap(({ state }) => state ?? []);
  // In real time a job has one seed.
  const { dir } = members[0]!.folder;
  const experience = openExperience(experiment, dir, agent, beforeWrite);
  const running = new Set(members);
  /** Seeds that something is amiss with: it is said once. */
  const cautioned = new Set<number>();
  const caution = (seed: number, text: string) => {
    if (cautioned.has(seed)) return;
    cautioned.add(seed);
    emit({ kind: 'caution', seed, text });
  };
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
  const finish = (finished: Iterable<SeedRecord>) => {
    for (const member of finished) {
      beforeWrite();
      member.markDone({ ...ended, engine, device, worker: { seeds } });
      running.delete(member);
      const early = ended.steps < experiment.steps;
      const reason = `met stopWhen after ${ended.steps} of ${experiment.steps} steps`;
      emit({ kind: 'done', seed: member.seed, ...(early ? { reason } : {}) });
    }
  };
  const enough = () => [...running].filter(({ metStopWhen }) => metStopWhen);
  const save = async (states: readonly (MemberState | undefined)[]) => {
    const played = [...running].some(({ bestDue }) => bestDue) ? await agent.save() : [];
    experience?.sync();
    for (const [i, state] of states.entries()) {
      const member = members[i]!;
      if (!running.has(member)) continue;
      if (state) member.writeCheckpoint(state, played[i], beforeWrite);
      else if (running.delete(member)) emit({ kind: 'failed', seed: member.seed, reason: NOT_FINITE });
    }
  };

  // Those that were killed between their last checkpoint and their mark.
  finish(enough());
  if (running.size === 0) return;
  const from = states.length > 0 ? states : undefined;
  for await (const event of train(agent, experiment, seeds, from, data, experience)) {
    if (event.kind === 'step' || event.kind === 'alive') {
      await lookUp(event.step);
      ended = { steps: event.step, updates: event.update };
      const amiss = experience?.cautionAt(event.step);
      if (amiss !== undefined) caution(seeds[0]!, amiss);
      const turnOver = event.kind === 'step' && event.step >= turnEnd && event.step < experiment.steps;
      if (checkpointDue || stopRequested() || turnOver) {
        await save(await event.save());
        checkpointDue = false;
        finish(enough());
        if (running.size === 0) return;
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
    const { seed } = member;
    // One that had enough rides on with the others.
    if (!running.has(member)) continue;
    if (event.kind === 'failure') {
      const { state } = member.folder.readCheckpoint() ?? {};
      const recorded = (again: Agent) => openExperience(experiment, dir, again);
      const failure = await findFailure(experiment, seed, state, event, recorded, async () => {
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
      const shown = agent.inspectUpdate ? `; wm replay-failure ${member.folder.dir} shows that update` : '';
      emit({ kind: 'failed', seed, reason: event.reason + shown });
    } else if (event.kind === 'losses') {
      beforeWrite();
      member.appendLosses(event.row);
      const amiss = agent.cautionOf?.(event.row);
      if (amiss !== undefined) caution(seed, `${amiss} (up to update ${event.row.update})`);
    } else if (event.kind === 'gradients') {
      beforeWrite();
      member.appendGradients(event.rows);
    } else if (event.kind === 'episodes') {
      beforeWrite();
      member.appendEpisodes(event.rows);
    } else {
      const step = event.row.env_step!;
      const filmed = { agent, member: event.member, seed, step };
      const film = experiment.film && (await makeFilm(experiment, filmed, event.recorded, FILM));
      beforeWrite();
      if (film) member.writePicture(step, sceneSvg(filmScene(film)));
      member.appendEvaluation(event.row);
      emit({ kind: 'evaluation', seed, row: event.row });
      checkpointDue = true;
    }
  }
  finish(running);
}
