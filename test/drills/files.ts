import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../src/errors.ts';
import type { RandomStream } from '../../src/random/stream.ts';
import { SeedFolder } from '../../src/runs/seed-folder.ts';
import type { Ended } from '../support/program.ts';
import type { Drill } from './drill.ts';
import { Ground, SEEDS } from './ground.ts';

/** Faults of what lies in the folder: damaged checkpoints, locks, other runs, times to come. */

const newestOf = (ground: Ground, seed: number) =>
  path.join(ground.dir, `seed-${seed}/checkpoint.safetensors`);
const previousOf = (ground: Ground, seed: number) =>
  path.join(ground.dir, `seed-${seed}/checkpoint.previous.safetensors`);

/** Damages a file in one of the ways that disks, kills and copies do. */
function damage(file: string, random: RandomStream): void {
  const bytes = readFileSync(file);
  const at = random.integer(bytes.length);
  const header = 8 + Number(bytes.readBigUInt64LE());
  const ways: (() => void)[] = [
    () => truncateSync(file, at),
    () => truncateSync(file, random.integer(header)),
    () => {
      for (let flips = 1 + random.integer(4); flips > 0; flips--) {
        bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      }
      writeFileSync(file, bytes);
    },
    () => writeFileSync(file, bytes.fill(0, at)),
    () => writeFileSync(file, Buffer.concat([bytes, bytes.subarray(at)])),
    () => rmSync(file),
  ];
  ways[random.integer(ways.length)]!();
}

/** The newest checkpoint of each seed of a stopped run is damaged: the one before stands in. */
export const newestDamaged: Drill = {
  kind: 'newest checkpoint damaged',
  weight: 5,
  async run(model, random) {
    const ground = Ground.ofStopped(model, random);
    const damaged = SEEDS.filter((seed) => {
      const file = newestOf(ground, seed);
      const intact = readFileSync(file);
      damage(file, random);
      return !existsSync(file) || !readFileSync(file).equals(intact);
    });
    const { stderr } = await ground.finish();
    const lines = stderr.match(/going on from the checkpoint before it, at step \d+/g) ?? [];
    const events =
      readFileSync(path.join(ground.dir, 'events.jsonl'), 'utf8').match(/"checkpoint-fallback"/g) ?? [];
    if (lines.length !== damaged.length || events.length !== damaged.length) {
      ground.complain(`${damaged.length} damaged, ${lines.length} lines and ${events.length} events say so`);
    }
    return { ground, tried: damaged.length };
  },
};

/** Both are damaged: one sentence, nothing changed; without that seed's folder the run goes on. */
export const bothDamaged: Drill = {
  kind: 'both checkpoints damaged',
  weight: 1,
  async run(model, random) {
    const ground = Ground.ofStopped(model, random);
    const seed = SEEDS[random.integer(SEEDS.length)]!;
    for (const file of [newestOf(ground, seed), previousOf(ground, seed)]) {
      truncateSync(file, random.integer(statSync(file).size));
    }
    const before = contentOf(ground.dir);
    const ended = await ground.start().ended;
    ground.check(ended, [2]);
    if (!/^wm: .+, and .+; move this seed's folder away to train it from the start\n$/.test(ended.stderr)) {
      ground.complain(`not that sentence: ${ended.stderr}`);
    }
    if (contentOf(ground.dir) !== before) ground.complain('the folder was changed');
    renameSync(path.join(ground.dir, `seed-${seed}`), path.join(ground.dir, `damaged-seed-${seed}`));
    await ground.finish();
    return { ground, tried: 1 };
  },
};

function contentOf(dir: string): string {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(path.join(dir, name)).isFile());
  return files.map((name) => `${name}\n${readFileSync(path.join(dir, name), 'latin1')}`).join('\n');
}

/** The newest checkpoint cut at every byte of its header: each time the reader gives the one before. No run is made. */
export const everyByte: Drill = {
  kind: 'checkpoint cut at each byte of its header (read only)',
  weight: 0,
  async run(model, random) {
    const ground = Ground.ofStopped(model, random);
    const folder = new SeedFolder(ground.dir, 0);
    const file = newestOf(ground, 0);
    const whole = readFileSync(file);
    const header = 8 + Number(whole.readBigUInt64LE());
    rmSync(file);
    const wanted = folder.readCheckpoint()!;
    for (let length = 0; length < header; length++) {
      writeFileSync(file, whole.subarray(0, length));
      try {
        const { state, fallback } = folder.readCheckpoint()!;
        if (state.step !== wanted.state.step || !fallback)
          ground.complain(`at byte ${length}: taken for whole`);
      } catch (error) {
        const stack = error instanceof UserError ? error.message : (error as Error).stack;
        ground.complain(`at byte ${length}: ${stack}`);
      }
    }
    return { ground, tried: header };
  },
};

/** A lock that no living run holds: of a dead process, of a process id given out again, empty, half-written, half taken over. */
export const staleLock: Drill = {
  kind: 'stale lock',
  weight: 2,
  async run(model, random) {
    const ground = Ground.ofStopped(model, random);
    const file = path.join(ground.dir, 'run.lock');
    const owner = (pid: number, started: string | null) => JSON.stringify({ pid, host: hostname(), started });
    const anHourAgo = Date.now() / 1000 - 3600;
    const old = (content: string) => () => {
      writeFileSync(file, content);
      utimesSync(file, anHourAgo, anHourAgo);
    };
    const dead = 2 ** 22 - 1 - random.integer(1000);
    const ways: (() => void)[] = [
      () => writeFileSync(file, owner(dead, null)),
      // This very process runs, but it is not the one that made the lock.
      () => writeFileSync(file, owner(process.pid, 'another boot:1')),
      () => writeFileSync(file, owner(1, 'another boot:1')),
      old(''),
      old(owner(dead, null).slice(0, 9)),
      () => {
        writeFileSync(file, owner(dead, null));
        writeFileSync(path.join(ground.dir, 'run.takeover.lock'), owner(dead, null));
      },
    ];
    const way = random.integer(ways.length);
    ways[way]!();
    await ground.finish();
    return { ground, tried: 1 };
  },
};

/** Two runs are started in one folder at nearly the same time: one trains, the other says why it does not. */
export const together: Drill = {
  kind: 'two runs in one folder',
  weight: 2,
  async run(model, random) {
    const ground = random.uniform() < 0.5 ? new Ground(model) : Ground.ofStopped(model, random);
    const first = ground.start();
    await setTimeout(random.uniform() * 60);
    const second = ground.start();
    const both: Ended[] = await Promise.all([first.ended, second.ended]);
    for (const ended of both) ground.check(ended, [0, 2]);
    const refused = both.filter(({ code }) => code === 2);
    if (refused.length > 1) ground.complain('both were refused');
    for (const { stderr } of refused) {
      if (!/(is in use by process \d+|is just being opened by another process); wait for it/.test(stderr)) {
        ground.complain(`not that sentence: ${stderr}`);
      }
    }
    await ground.finish();
    return { ground, tried: refused.length };
  },
};

/** The clock goes back while the run goes on, a day at a time at random, in every process; then the run is stopped and resumed. */
export const clock: Drill = {
  kind: 'clock set back',
  weight: 2,
  async run(model, random) {
    const ground = new Ground(model);
    const preload = path.join(ground.cwd, 'clock.mjs');
    writeFileSync(preload, jumpingClock);
    const env = { NODE_OPTIONS: `--import ${preload}` };
    const { child, ended } = ground.start({ env });
    const landed = await ground.instant(random, ended);
    child.kill(random.uniform() < 0.5 ? 'SIGKILL' : 'SIGINT');
    ground.check(await ended, [137, 130, 0]);
    // The next start sees dates and files of days to come.
    await ground.finish({ env });
    return { ground, tried: Number(landed) };
  },
};

/** A Date that starts ten days ahead and goes back a day every few readings. */
const jumpingClock = `
const day = 86_400_000;
const RealDate = Date;
let ahead = 10 * day;
let readings = 0;
const now = () => {
  if (++readings % 3 === 0) ahead -= day;
  return RealDate.now() + ahead;
};
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length > 0 ? args : [now()]));
  }
  static now = now;
};
`;
