import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lockHolder } from '../../../src/runs/lock.ts';
import { sittingsOf } from '../../../src/runs/records.ts';
import { readStanding } from '../../../src/runs/status.ts';
import { run } from '../../support/program.ts';
import { events, text, tinyDreamCritic } from '../../support/tiny-run.ts';
import { differingBytes, resultsOf } from '../results.ts';

/**
 * `npm run drills:slurm`: an array of six cells on a Slurm of two nodes, whose tasks meet time limits, preemption and the
 * loss of a node, and one of which fails for good. Every other one must end with the bytes of the same sweep in one
 * process, and the table must name the one that failed. Exit code 1 where anything is otherwise. It starts the Slurm
 * itself (start.sh, as root, from Debian's slurm-wlm).
 */

const here = path.dirname(fileURLToPath(import.meta.url));
const SECONDS = 1200;
const SEED = 0;
/** The fifth cell's first update is not finite. */
const config = `${tinyDreamCritic}seeds: [${SEED}]
steps: 800
evaluation: { every: 100, episodes: 2 }
sweep: [{ horizon: 3 }, { horizon: 4 }, { horizon: 5 }, { horizon: 6 }, { learningRate: 1.0e+30 }, { horizon: 7 }]
`;
const FAILING = 'learningRate=1e30';

const ask = (program: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}`.trim() };
};
const say = (words: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${words}\n`);

function whyNot(): string | undefined {
  const lacking = ['sbatch', 'slurmctld', 'slurmd', 'munged', 'unshare'].find(
    (program) => ask('sh', '-c', `PATH=$PATH:/usr/sbin command -v ${program}`).status !== 0,
  );
  if (lacking) return `${lacking} is not installed (Debian's packages slurm-wlm and munge)`;
  return process.getuid?.() === 0 ? undefined : 'only root can start a Slurm';
}

interface Queued {
  id: string;
  state: string;
  reason: string;
  node: string;
}

const queue = (): Queued[] =>
  ask('squeue', '--noheader', '--array', '--format', '%i|%T|%r|%N')
    .text.split('\n')
    .filter((line) => line.includes('|'))
    .map((line) => {
      const [id = '', state = '', reason = '', node = ''] = line.split('|');
      return { id, state, reason, node };
    });

/** A node ends with all that it runs, as by its power: nothing is saved, and no lock given back. */
function loseNode(state: string, node: string): void {
  process.kill(Number(readFileSync(path.join(state, `${node}.pid`), 'utf8').trim()), 'SIGKILL');
}

async function drill(state: string, cwd: string): Promise<string[]> {
  const complaints: string[] = [];
  const dir = path.join(cwd, 'runs/sweeps/tiny');
  // The signal may come up to a minute early.
  const options = ['time=2', 'signal=B:TERM@45', 'mem=1000M'].flatMap((option) => ['--slurm', option]);
  const submitted = await run(
    cwd,
    'sweep',
    '--config',
    'cells.yaml',
    '--submit',
    'slurm',
    ...options,
    '--json',
  );
  if (submitted.code !== 0) throw new Error(submitted.stderr);
  const { array, compare } = JSON.parse(submitted.stdout);
  say(`submitted ${array} and ${compare}`);
  const reference = run(
    cwd,
    'sweep',
    '--config',
    'cells.yaml',
    '--runs',
    'reference',
    '--workers',
    '1',
    '--quiet',
  );

  const rows = () =>
    readdirSync(dir).filter((cell) => existsSync(path.join(dir, cell, `seed-${SEED}/checkpoint.safetensors`)))
      .length;
  /** Whether a task trains a cell on a node: it may run for long before. */
  const writes = (node: string) =>
    readdirSync(dir).some((cell) => lockHolder(path.join(dir, cell))?.host === node);
  const done = { preempted: false, lost: false };
  const end = Date.now() + SECONDS * 1000;
  for (;;) {
    const jobs = queue();
    if (jobs.length === 0) break;
    if (Date.now() > end) throw new Error(`not at its end after ${SECONDS} s: ${JSON.stringify(jobs)}`);
    const running = jobs.filter(({ state }) => state === 'RUNNING');
    // Slurm lets what is requeued wait for two minutes.
    for (const { id, reason } of jobs) {
      if (reason === 'BeginTime') ask('scontrol', 'update', `JobId=${id}`, 'StartTime=now');
    }
    if (!done.preempted && rows() > 0 && running.length > 1) {
      done.preempted = true;
      const { text } = ask(
        'sbatch',
        '--parsable',
        '--partition=high',
        '--nodes=2',
        '--exclusive',
        '--output=/dev/null',
        '--wrap=sleep 3',
      );
      say(`preempted ${running.map(({ id, node }) => `${id} on ${node}`).join(', ')} by job ${text}`);
    } else if (done.preempted && !done.lost && writes('node2')) {
      done.lost = true;
      say(
        `lost node2 under ${running
          .filter(({ node }) => node === 'node2')
          .map(({ id }) => id)
          .join(', ')}`,
      );
      loseNode(state, 'node2');
    }
    await setTimeout(1000);
  }
  if (!done.preempted || !done.lost) complaints.push(`not tried: ${JSON.stringify(done)}`);

  const whole = await reference;
  if (whole.code !== 1) complaints.push(`the sweep in one process ended with ${whole.code}: ${whole.stderr}`);
  const other = path.join(cwd, 'reference/tiny');
  let restarts = 0;
  let taken = 0;
  for (const cell of readdirSync(other).filter((name) => name.includes('='))) {
    const { status, info } = readStanding({ dir: path.join(dir, cell), cell: null });
    const sittings = sittingsOf(info);
    restarts += sittings.length - 1;
    const hosts = [...new Set(sittings.map(({ host }) => host))];
    const overtaken = events(path.join(dir, cell)).filter(({ kind }) => kind === 'lock-taken-over').length;
    taken += overtaken;
    const differing =
      cell === FAILING
        ? 0
        : differingBytes(resultsOf(path.join(dir, cell), [SEED]), resultsOf(path.join(other, cell), [SEED]));
    process.stdout.write(
      `${cell}: ${status} after ${sittings.length} sittings on ${hosts.join(' and ')}, ${overtaken} locks taken over, ${differing} bytes differ\n`,
    );
    if (status !== (cell === FAILING ? 'failed' : 'done')) complaints.push(`${cell} is ${status}`);
    if (differing > 0) complaints.push(`${cell} differs`);
  }
  if (restarts === 0) complaints.push('no task was interrupted');
  if (taken === 0) complaints.push('no task took its lock over');
  const log = text(dir, `slurm/logs/compare-${compare}.out`);
  process.stdout.write(`\n${log}`);
  if (!/: left out, failed \(.*\): seed 0\./.test(log.replaceAll(/\s+/g, ' '))) {
    complaints.push('the table does not name what failed');
  }
  return complaints;
}

const reason = whyNot();
if (reason) process.stdout.write(`skipped: ${reason}\n`);
else {
  const state = mkdtempSync(path.join(tmpdir(), 'wm-slurm-'));
  const cwd = mkdtempSync(path.join(tmpdir(), 'wm-slurm-runs-'));
  writeFileSync(path.join(cwd, 'cells.yaml'), config);
  const begin = performance.now();
  try {
    const started = spawnSync(path.join(here, 'start.sh'), [state], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (started.status !== 0) throw new Error(started.stderr);
    const complaints = await drill(state, cwd);
    for (const complaint of complaints) process.stdout.write(`not as promised: ${complaint}\n`);
    if (complaints.length > 0) process.exitCode = 1;
    else rmSync(cwd, { recursive: true });
  } finally {
    spawnSync(path.join(here, 'stop.sh'), [state]);
    say(`${Math.round((performance.now() - begin) / 1000)} s; logs of Slurm: ${state}/log`);
  }
}
