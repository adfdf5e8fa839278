/** A row of runs/planners/planners.csv from what `wm eval --json` prints: see run-planners.sh. */
import { text } from 'node:stream/consumers';

const [task, model, planner] = process.argv.slice(2);
const { reward, milliseconds } = JSON.parse(await text(process.stdin));
process.stdout.write(
  `${[task, model, planner, reward.mean.toFixed(1), milliseconds?.toFixed(2) ?? ''].join(',')}\n`,
);
