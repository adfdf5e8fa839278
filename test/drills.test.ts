import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RandomStream } from '../src/random/stream.ts';
import { outputFull, workingFolderGone } from './drills/disks.ts';
import { type Drill, drills, tryDrill } from './drills/drill.ts';
import { bothDamaged, newestDamaged } from './drills/files.ts';
import { type Model, makeModel } from './drills/ground.ts';
import {
  killContinuous,
  killParent,
  killRecurrent,
  killWorker,
  phases,
  signals,
} from './drills/processes.ts';

/** Kinds that acting.test.ts, cli.test.ts, signals.test.ts and training.test.ts try on runs of their own. */
const TRIED_ELSEWHERE: readonly Drill[] = [
  killParent,
  killWorker,
  killContinuous,
  killRecurrent,
  phases,
  signals,
  newestDamaged,
  bothDamaged,
  workingFolderGone,
  outputFull,
];

/** The short form of `npm run drills`: a fault or two of each kind. */
describe('a disturbed run loses nothing and ends with the bytes of one that never was', {
  concurrency: 2,
}, () => {
  let model: Model;
  before(async () => {
    model = await makeModel(RandomStream.named(1, 'drills/model'), 1);
  });
  after(async () => {
    for (const ground of model.stopped) await ground.clear();
  });
  for (const drill of drills.filter((each) => !TRIED_ELSEWHERE.includes(each))) {
    test(drill.kind, { skip: drill.unavailable?.() ?? false }, async () => {
      const { lost, differing, complaints, faults } = await tryDrill(drill, model, 1, 1);
      assert.deepEqual({ lost, differing, complaints }, { lost: 0, differing: 0, complaints: [] });
      assert.ok(faults > 0, 'no fault met a run');
    });
  }
});
