import { setImmediate } from 'node:timers/promises';
import { startEngine } from '../engine/engine.ts';
import { environmentEntry } from '../envs/index.ts';
import { PolicyFile } from '../runs/policy-file.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { actInRealTime } from '../training/real-time/acting.ts';
import type { Clock } from '../training/real-time/clock.ts';
import { requireFitting } from '../training/saved-state.ts';
import { createAgent } from './create-agent.ts';
import type { Job } from './messages.ts';
import { experienceLog, rateOf, replaySettingsOf } from './real-time.ts';
import { LOOK_EVERY, REPORT_EVERY, type Surroundings } from './train-seeds.ts';

/**
 * Acts for a seed in real time, from where its recorded steps end, and records each step before it does anything else.
 *
 * @param isReplacing whether another process has acted in this sitting, and died
 */
export async function actSeed(
  { runDir, experiment, engine, seeds }: Job,
  isReplacing: boolean,
  { emit, stopRequested, beforeWrite }: Surroundings,
  clock: Clock,
): Promise<void> {
  const seed = seeds[0]!;
  await startEngine(engine);
  const agent = await createAgent(experiment, seeds);
  const fresh = (await agent.save())[0]!;
  const folder = new SeedFolder(runDir, seed);
  beforeWrite();
  folder.make();
  const log = experienceLog(experiment, folder.dir, agent);
  log.openToAppend();
  const policies = new PolicyFile(folder.dir);
  const { randomSteps, randomHold } = replaySettingsOf(experiment);
  const acting = actInRealTime({
    agent,
    environment: environmentEntry(experiment.environment, experiment),
    seed,
    steps: experiment.steps,
    randomSteps,
    randomHold,
    rate: rateOf(experiment),
    clock,
    newest: () => {
      const policy = policies.newest();
      if (policy) requireFitting(seed, policy.state, fresh);
      return policy;
    },
    taken: log.length,
    open: log.openEpisode(),
    isReplacing,
  });
  let taken = log.length;
  let looked = Number.NEGATIVE_INFINITY;
  let reported = Number.NEGATIVE_INFINITY;
  for await (const step of acting) {
    beforeWrite();
    log.append(step);
    taken++;
    const now = clock.now();
    if (now - looked < LOOK_EVERY) continue;
    if (now - reported >= REPORT_EVERY) {
      emit({ kind: 'step', seed, step: taken });
      reported = now;
    }
    await setImmediate();
    looked = clock.now();
    if (!stopRequested()) continue;
    log.sync();
    emit({ kind: 'interrupted', seed });
    return;
  }
  log.sync();
  emit({ kind: 'done', seed });
}
