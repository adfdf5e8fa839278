import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/errors.ts';
import { RandomStream } from '../../src/random/stream.ts';
import { lapsedLocks } from '../../src/runs/lease.ts';
import { acquireLock, LockHeldError, lockHolder, type RunLock } from '../../src/runs/lock.ts';
import { type LockOwner, thisOwner } from '../../src/runs/lock-owner.ts';

/**
 * `npm run drills:hosts -- --races 200 --seed 1`: two hosts, made of network, PID and host name namespaces of their own,
 * race for the locks of one folder after the other, on one disk. Nobody may write while another does, and no lock may be
 * lost for ever. Exit code 1 where that is not so.
 */

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    host: { type: 'string' },
    root: { type: 'string' },
  },
});
const RACES = Number(values.races);
const SEED = Number(values.seed);
/** Seconds: far more than a busy machine lets a process wait, so that none counts as gone that is not. */
const LEASE = 10;
const AT_ONCE = 50;
const NAMES = ['node1', 'node2'] as const;

/** What stands in a folder before the race, and who wants what of it. */
const kinds = [
  'free',
  'a dead process of node1',
  'a third host',
  'a third host, half replaced',
  'seeds and whole',
  'a requeued job',
] as const;

interface Race {
  index: number;
  kind: (typeof kinds)[number];
  /** Milliseconds after the beginning at which each host tries. */
  at: [number, number];
}

function races(): Race[] {
  const random = RandomStream.named(SEED, 'drills/hosts');
  return Array.from({ length: RACES }, (_, index) => {
    const kind = kinds[index % kinds.length]!;
    const at = (index % AT_ONCE) * 20;
    const apart = random.uniform() < 0.5 ? 0 : random.integer(15);
    return { index, kind, at: random.uniform() < 0.5 ? [at, at + apart] : [at + apart, at] };
  });
}

const folderOf = (root: string, { index }: Race) => path.join(root, `race-${index}`);

/** A lock of a host that is no more. */
const thirdHost: LockOwner = {
  pid: 4,
  host: 'node3',
  started: 'x:1',
  place: 'x:pid:[1]',
  job: null,
  lease: LEASE,
};
const lockText = (owner: LockOwner) => `${JSON.stringify(owner).slice(0, -1)},"sign":"000000003"}`;
const jobOfRace = ({ index }: Race) => `slurm:drills:${index}`;

function prepare(root: string, race: Race): void {
  const dir = folderOf(root, race);
  mkdirSync(dir);
  const leave = (name: string, owner: LockOwner) => writeFileSync(path.join(dir, name), lockText(owner));
  if (race.kind.startsWith('a third host')) leave('run.lock', thirdHost);
  if (race.kind === 'a third host, half replaced')
    leave('run.takeover.lock', { ...thirdHost, host: 'node4' });
  if (race.kind === 'a requeued job')
    leave('run.lock', { ...thirdHost, job: { id: jobOfRace(race), restarts: 0 } });
}

/** One host: takes its part in every race, and says how many locks it got. */
async function takePart(root: string, which: number): Promise<void> {
  const log = (dir: string, what: string) =>
    appendFileSync(path.join(dir, 'log'), `${NAMES[which]} ${what}\n`);
  const sleep = async (seconds: number, signal: AbortSignal) => {
    await setTimeout(seconds * 1000, undefined, { signal }).catch(() => {});
  };
  const never = new AbortController().signal;
  /** Node1 is the job that left a lock, begun anew; node2 is another. */
  const acquire = (race: Race, lapsed?: Awaited<ReturnType<typeof lapsedLocks>>): RunLock => {
    const isJob = race.kind === 'a requeued job';
    if (isJob) {
      const job = {
        SLURM_JOB_ID: `${which === 0 ? race.index : 1e6 + race.index}`,
        SLURM_CLUSTER_NAME: 'drills',
      };
      Object.assign(process.env, job, { SLURM_RESTART_COUNT: '1' });
    }
    const share = race.kind === 'seeds and whole' && which === 0 ? [0, 1] : undefined;
    try {
      return acquireLock(folderOf(root, race), { share, lapsed });
    } finally {
      if (isJob) for (const name of ['SLURM_JOB_ID', 'SLURM_RESTART_COUNT']) delete process.env[name];
    }
  };
  const write = async (race: Race, lock: RunLock) => {
    const dir = folderOf(root, race);
    log(dir, 'begin');
    for (let i = 0; i < 3; i++) {
      await setTimeout(2);
      lock.check();
      log(dir, 'write');
    }
    log(dir, 'end');
    lock.release();
  };
  /** Tries until it has had the lock once; whoever is refused tries again. */
  const run = async (race: Race, begin: number) => {
    const dir = folderOf(root, race);
    await setTimeout(Math.max(0, begin + race.at[which]! - Date.now()));
    for (let tries = 0; tries < 200; tries++) {
      try {
        const lapsed = await lapsedLocks([{ dir }], sleep, never, () => {});
        await write(race, acquire(race, lapsed));
        return;
      } catch (error) {
        if (!(error instanceof LockHeldError))
          log(dir, `broken: ${error instanceof UserError ? error.message : (error as Error).stack}`);
        await setTimeout(20 + 10 * (tries % 7));
      }
    }
    log(dir, `lost: ${JSON.stringify(lockHolder(dir))}`);
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const { batch, begin, prepareOnly }: { batch: Race[]; begin: number; prepareOnly?: boolean } =
      JSON.parse(line);
    if (prepareOnly) {
      const dead = spawn('true');
      await new Promise((resolve) => dead.once('exit', resolve));
      const owner = { ...thisOwner(), pid: dead.pid!, started: 'x:1', lease: LEASE };
      for (const race of batch) writeFileSync(path.join(folderOf(root, race), 'run.lock'), lockText(owner));
    } else await Promise.all(batch.map((race) => run(race, begin)));
    process.stdout.write('done\n');
  }
}

/** Starts a host of that name, which sees its own processes alone and no network. */
function startHost(
  root: string,
  which: number,
): { child: ChildProcess; ask: (what: object) => Promise<void> } {
  const script = fileURLToPath(import.meta.url);
  const args = [
    '--import',
    'tsx',
    script,
    '--host',
    `${which}`,
    '--root',
    root,
    '--races',
    `${RACES}`,
    '--seed',
    `${SEED}`,
  ];
  const inside = `hostname ${NAMES[which]} && exec "$0" "$@"`;
  const child = spawn(
    'unshare',
    [
      '--net',
      '--pid',
      '--uts',
      '--fork',
      '--mount-proc',
      '--kill-child',
      'sh',
      '-c',
      inside,
      process.execPath,
      ...args,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, WM_LEASE_SECONDS: `${LEASE}` } },
  );
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    child,
    ask: async (what) => {
      child.stdin!.write(`${JSON.stringify(what)}\n`);
      if ((await lines.next()).value !== 'done') throw new Error(`${NAMES[which]} has ended`);
    },
  };
}

/** What a race's log tells: `begin`, `write` and `end` of one host must not lie within another's. */
function judge(text: string): { doubles: number; lost: number; broken: string[] } {
  const inside = new Set<string>();
  const found = { doubles: 0, lost: 0, broken: [] as string[] };
  const had = new Set<string>();
  for (const line of text.trimEnd().split('\n')) {
    const [host, what] = [line.slice(0, 5), line.slice(6)];
    if (what === 'begin') inside.add(host);
    if (inside.size > 1) found.doubles++;
    if (what === 'end') {
      inside.delete(host);
      had.add(host);
    }
    if (what.startsWith('broken')) found.broken.push(line);
  }
  found.lost = NAMES.length - had.size;
  return found;
}

async function main(): Promise<void> {
  if (spawnSync('unshare', ['--net', '--pid', '--uts', '--fork', '--mount-proc', 'true']).status !== 0) {
    process.stdout.write('skipped: namespaces cannot be made here (unshare of util-linux, as root)\n');
    return;
  }
  const root = mkdtempSync(path.join(tmpdir(), 'wm-hosts-'));
  const all = races();
  for (const race of all) prepare(root, race);
  const hosts = NAMES.map((_, which) => startHost(root, which));
  const begin = performance.now();
  await hosts[0]!.ask({
    batch: all.filter(({ kind }) => kind === 'a dead process of node1'),
    begin: 0,
    prepareOnly: true,
  });
  for (let from = 0; from < all.length; from += AT_ONCE) {
    const batch = all.slice(from, from + AT_ONCE);
    const what = { batch, begin: Date.now() + 300 };
    await Promise.all(hosts.map(({ ask }) => ask(what)));
  }
  for (const { child } of hosts) child.stdin!.end();
  const rows = kinds.map((kind) => {
    const judged = all
      .filter((race) => race.kind === kind)
      .map((race) => judge(readFileSync(path.join(folderOf(root, race), 'log'), 'utf8')));
    const sum = (of: (each: (typeof judged)[number]) => number) =>
      judged.reduce((total, each) => total + of(each), 0);
    for (const { broken } of judged) for (const line of broken) process.stderr.write(`${kind}: ${line}\n`);
    return [
      kind,
      judged.length,
      sum(({ doubles }) => doubles),
      sum(({ lost }) => lost),
      sum(({ broken }) => broken.length),
    ];
  });
  const totals = [1, 2, 3, 4].map((column) => rows.reduce((total, row) => total + Number(row[column]), 0));
  const table = [
    ['lock before the race', 'races', 'double writers', 'locks lost', 'broken'],
    ['---', '---:', '---:', '---:', '---:'],
    ...rows,
    ['all', ...totals],
  ];
  process.stdout.write(table.map((row) => `| ${row.join(' | ')} |\n`).join(''));
  process.stderr.write(`${Math.round((performance.now() - begin) / 1000)} s\n`);
  if (totals.slice(1).some((count) => count > 0)) {
    process.stderr.write(`the folders are kept: ${root}\n`);
    process.exitCode = 1;
  } else rmSync(root, { recursive: true });
}

if (values.host === undefined) await main();
else await takePart(values.root!, Number(values.host));
