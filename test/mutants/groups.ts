import { experience } from './lists/experience.ts';
import { images } from './lists/images.ts';
import { learning } from './lists/learning.ts';
import { metrics } from './lists/metrics.ts';
import { treeSearch } from './lists/muzero.ts';
import { offline } from './lists/offline.ts';
import { planning } from './lists/planning.ts';
import { policyOptimisation } from './lists/ppo.ts';
import { realTime } from './lists/real-time.ts';
import { resuming } from './lists/resuming.ts';
import { statistics } from './lists/statistics.ts';
import { latentPlanning } from './lists/tdmpc.ts';
import { offPolicy } from './lists/yardsticks.ts';
import type { Group } from './mutant.ts';

/** Every mutant there is. */
export const groups: readonly Group[] = [
  ...metrics,
  ...learning,
  ...planning,
  ...latentPlanning,
  ...treeSearch,
  ...policyOptimisation,
  ...offPolicy,
  ...images,
  ...experience,
  ...offline,
  ...realTime,
  ...statistics,
  ...resuming,
];
