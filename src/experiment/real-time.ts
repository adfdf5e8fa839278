import { setTimeout } from 'node:timers/promises';
import type { Experiment } from '../config/schema.ts';
import { environmentEntry } from '../envs/index.ts';
import { ExperienceLog } from '../runs/experience-log.ts';
import { PolicyFile } from '../runs/policy-file.ts';
import { UpdateLog } from '../runs/update-log.ts';
import type { Agent } from '../training/agent.ts';
import { agentSpaces } from '../training/agent-spaces.ts';
import type { Experience } from '../training/real-time/learner.ts';
import type { ReplaySettings } from '../training/replay-learner.ts';

/** Steps per second of the clock that an experiment acts by; undefined: the environment waits for every action. */
export function rateOf({ realTime, environment }: Experiment): number | undefined {
  if (realTime?.rate !== 'own') return realTime?.rate === 'none' ? undefined : realTime?.rate;
  return 1 / environmentEntry(environment).stepSeconds!;
}

/** Cores that a seed keeps busy: in real time it has two processes, and neither of them can wait for one. */
export const coresOfSeed = ({ realTime }: Experiment): number => (realTime ? 2 : 1);

/** When such an experiment acts at random and what its replay keeps: every method that learns from replay has these keys. */
export const replaySettingsOf = (experiment: Experiment): ReplaySettings =>
  experiment as Experiment & ReplaySettings;

/** The steps of a seed in real time, as far as they are recorded. */
export function experienceLog(experiment: Experiment, dir: string, agent: Agent): ExperienceLog {
  const spaces = agentSpaces(environmentEntry(experiment.environment, experiment));
  return new ExperienceLog(dir, spaces, agent.carrySize);
}

/** What a seed in real time learns from, open. */
export interface OpenExperience extends Experience {
  /** What is amiss after so many steps, a phrase; undefined: nothing. */
  cautionAt(step: number): string | undefined;
  /** Waits until what is recorded is on the disk itself: a checkpoint must not be ahead of it. */
  sync(): void;
  close(): void;
}

/**
 * Opens what a seed in real time learns from; undefined for an experiment that is none.
 *
 * @param permit called before anything is written; throws where this process may no longer write. Absent: nothing is
 *   written, and only updates that are recorded can be made
 */
export function openExperience(
  experiment: Experiment,
  dir: string,
  agent: Agent,
  permit?: () => void,
): OpenExperience | undefined {
  const { realTime } = experiment;
  if (!realTime) return undefined;
  const steps = experienceLog(experiment, dir, agent);
  const updates = new UpdateLog(dir, permit !== undefined);
  const file = new PolicyFile(dir);
  // A learner that makes recorded updates again is behind the weights that it has handed over.
  const published = permit ? (file.newest()?.update ?? 0) : Number.POSITIVE_INFINITY;
  return {
    steps,
    updates: {
      stepsBefore: (update) => updates.stepsBefore(update),
      add: (step) => {
        permit?.();
        updates.add(step);
      },
    },
    rate: rateOf(experiment),
    total: experiment.steps,
    updateLimit: realTime.updateLimit === 'none' ? undefined : realTime.updateLimit,
    publishEvery: realTime.publishEvery,
    publish: async (update, step) => {
      if (update <= published) return;
      const [state] = await agent.save();
      file.write({ state: state!, update, step }, permit!);
    },
    wait: () => setTimeout(1),
    cautionAt: (step) => {
      const [waiting, { capacity }] = [steps.length - step, replaySettingsOf(experiment).replay];
      if (waiting <= capacity) return undefined;
      return `${waiting} steps wait to be learnt from, and replay.capacity keeps ${capacity}: some will be overwritten before an update sees them (at step ${step})`;
    },
    sync: () => {
      steps.sync();
      updates.sync();
    },
    close: () => {
      steps.close();
      updates.close();
    },
  };
}
