import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RandomStream } from '../src/random/stream.ts';
import { fileLimit, outputFull, readOnlySystem, workingFolderGone } from './drills/disks.ts';
import { type Drill, drills, tryDrill } from './drills/drill.ts';
import { bothDamaged, everyByte, newestDamaged } from './drills/files.ts';
import { type Model, makeModel } from './drills/ground.ts';
import {
  killContinuous,
  killParent,
  killRecurrent,
  killWorker,
  phases,
  signals,
  terminal,
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

/** Kinds that come down to another one here: no space, no permission, the parent gone, a checkpoint cut short. */
const LIKE_ANOTHER: readonly Drill[] = [fileLimit, readOnlySystem, terminal, everyByte];

const tried = drills.filter((each) => !TRIED_ELSEWHERE.includes(each) && !LIKE_ANOTHER.includes(each));

/** The short form of `npm run drills`: a fault of each kind that is left. */
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
  for (const drill of tried) {
    test(drill.kind, { skip: drill.unavailable?.() ?? false }, async () => {
      const { lost, differing, complaints, faults } = await tryDrill(drill, model, 1, 1);
      assert.deepEqual({ lost, differing, complaints }, { lost: 0, differing: 0, complaints: [] });
      assert.ok(faults > 0, 'no fault met a run');
    });
  }
});
