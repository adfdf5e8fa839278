import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { partsOf } from '../../../src/cluster/job.ts';
import { lockHolder } from '../../../src/runs/lock.ts';
import { sittingsOf } from '../../../src/runs/records.ts';
import { readStanding } from '../../../src/runs/status.ts';
import { readSweep } from '../../../src/runs/sweep-folder.ts';
import { run } from '../../support/program.ts';
import { events, text, tinyDreamCritic } from '../../support/tiny-run.ts';
import { differingBytes, resultsOf } from '../results.ts';
import { ask, emptied, endsOf } from './queue.ts';
import { refusedByTasks, refusedHere } from './refusals.ts';

/**
 * `npm run drills:slurm`: an array of six cells on a Slurm of two nodes, whose tasks meet time limits, preemption and the
 * loss of a node, and one of which fails for good. Every other one must end with the bytes of the same sweep in one
 * process, and the table must name the one that failed. Before that, what is to be refused is. Exit code 1 where anything
 * is otherwise. It starts the Slurm itself (start.sh, as root, from Debian's slurm-wlm).
 */

const here = path.dirname(fileURLToPath(import.meta.url));
const SECONDS = 1800;
const SEED = 0;
/** The fifth cell's first update is not finite. */
const cells = (steps: number) => `${tinyDreamCritic}seeds: [${SEED}]
steps: ${steps}
evaluation: { every: 100, episodes: 2 }
sweep: [{ horizon: 3 }, { horizon: 4 }, { horizon: 5 }, { horizon: 6 }, { learningRate: 1.0e+30 }, { horizon: 7 }]
`;
const onlyCell = `${tinyDreamCritic}seeds: [${SEED}]\nsweep: { horizon: [3] }\n`;
const FAILING = 'learningRate=1e30';
/** Long enough for a cell to meet a time limit, which Slurm looks at every half minute. */
const STEPS = 2400;
/** Minutes. */
const LIMIT = 60;

const say = (words: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${words}\n`);

function whyNot(): string | undefined {
  const lacking = ['sbatch', 'slurmctld', 'slurmd', 'munged', 'unshare'].find(
    (program) => ask('sh', '-c', `PATH=$PATH:/usr/sbin command -v ${program}`).status !== 0,
  );
  if (lacking) return `${lacking} is not installed (Debian's packages slurm-wlm and munge)`;
  return process.getuid?.() === 0 ? undefined : 'only root can start a Slurm';
}

/** A node ends with all that it runs, as by its power: nothing is saved, and no lock given back. */
function loseNode(state: string, node: string): void {
  process.kill(Number(readFileSync(path.join(state, `${node}.pid`), 'utf8').trim()), 'SIGKILL');
}

/**
 * Follows an array to its end; preempts all that runs once, loses node2 once, and has the time limit of a task come. How
 * fast this machine is does not matter: a limit is set when the task that is to meet it trains.
 */
async function disturb(state: string, dir: string): Promise<string[]> {
  const hasSaved = () =>
    readdirSync(dir).some((cell) => existsSync(path.join(dir, cell, `seed-${SEED}/checkpoint.safetensors`)));
  /** The tasks that train a cell: one may run for long before, and is still there while it saves. */
  const writers = () =>
    readdirSync(dir).flatMap((cell) => {
      const job = lockHolder(path.join(dir, cell))?.job;
      return job ? [partsOf(job)].map(({ number, task }) => `${number}_${task}`) : [];
    });
  const done = { preempted: false, lost: false };
  const limited = new Set<string>();
  await emptied(SECONDS, (jobs) => {
    const running = jobs.filter(({ state }) => state === 'RUNNING');
    // Slurm lets what is requeued wait for two minutes.
    for (const { id, reason } of jobs) {
      if (reason !== 'BeginTime') continue;
      ask('scontrol', 'update', `JobId=${id}`, 'StartTime=now', `TimeLimit=${LIMIT}`);
    }
    if (!done.preempted && hasSaved() && running.length > 1) {
      done.preempted = true;
      const options = ['--partition=high', '--nodes=2', '--exclusive', '--output=/dev/null'];
      const { text } = ask('sbatch', '--parsable', ...options, '--wrap=sleep 3');
      say(`job ${text} preempts ${running.map(({ id, node }) => `${id} on ${node}`).join(', ')}`);
      return;
    }
    if (!done.preempted) return;
    const writing = writers();
    // One that came to its end before it was told is no try.
    const isMet = [...limited].some((id) => jobs.some((job) => job.id === id) || hasSavedAtLimit(dir, id));
    const next = running.find(({ id, node }) => node === 'node1' && writing.includes(id) && !limited.has(id));
    if (!isMet && next) {
      limited.add(next.id);
      const minutes = Math.floor(secondsOf(next.time) / 60) + 2;
      const { text } = ask('scontrol', 'update', `JobId=${next.id}`, `TimeLimit=${minutes}`);
      say(`${next.id} on node1 has ${minutes} minutes ${text}`);
    }
    const there = running.filter(({ node }) => node === 'node2').map(({ id }) => id);
    if (!done.lost && writing.some((task) => there.includes(task))) {
      done.lost = true;
      say(`node2 is lost, under ${there.join(', ')}`);
      loseNode(state, 'node2');
    }
  });
  return done.preempted && done.lost ? [] : [`not tried: ${JSON.stringify(done)}`];
}

/** Whether a task was told of its time limit and went on later. */
const hasSavedAtLimit = (dir: string, task: string) =>
  /ended with code 1(30|43),/.test(text(dir, `slurm/logs/${task}.out`));

/** `1:05`, `2:01:05` */
const secondsOf = (time: string) => time.split(':').reduce((sum, part) => 60 * sum + Number(part), 0);

/** What became of one task, by its log and by Slurm's. */
function historyOf(dir: string, array: string, task: number, slurm: string) {
  const log = text(dir, `slurm/logs/${array}_${task}.out`);
  const starts = [...log.matchAll(/^task \S+, restart (\d+), on (\S+),/gm)];
  const count = (words: string) => slurm.match(new RegExp(words, 'g'))?.length ?? 0;
  const id = `JobId=${array}_${task}\\(\\d+\\)`;
  const restarts = Math.max(...starts.map(([, restart]) => Number(restart)));
  const preempted = count(`preempted ${id} has been requeued`);
  const lost = count(`requeue job ${id} due to failure of node node2`);
  return {
    ...{ restarts, preempted, lost, limited: restarts - preempted - lost },
    saved: [...log.matchAll(/ended with code 1(30|43),/g)].length,
    lastHost: starts.at(-1)?.[2],
  };
}

async function drill(state: string, cwd: string): Promise<string[]> {
  const dir = path.join(cwd, 'runs/sweeps/tiny');
  const sweep = ['sweep', '--config', 'cells.yaml'];
  const options = [`time=${LIMIT}`, 'signal=B:TERM@60', 'mem=1000M'].flatMap((option) => ['--slurm', option]);
  const submitted = await run(cwd, ...sweep, '--submit', 'slurm', ...options, '--json');
  if (submitted.code !== 0) throw new Error(submitted.stderr);
  const { array, compare } = JSON.parse(submitted.stdout);
  say(`submitted ${array} and ${compare}`);
  const reference = run(cwd, ...sweep, '--runs', 'reference', '--workers', '1', '--quiet');
  const complaints = await disturb(state, dir);

  const whole = await reference;
  if (whole.code !== 1) complaints.push(`the sweep in one process ended with ${whole.code}: ${whole.stderr}`);
  const slurm = text(state, 'log/slurmctld.log');
  const totals = { preempted: 0, lost: 0, limited: 0 };
  for (const [task, { experiment }] of readSweep(dir)!.cells.entries()) {
    const { name } = experiment;
    const cell = path.join(dir, name);
    const fails = name === FAILING;
    const { status, info } = readStanding({ dir: cell, cell: null });
    const history = historyOf(dir, array, task, slurm);
    const { restarts, preempted, lost, limited, saved, lastHost } = history;
    totals.preempted += preempted;
    totals.lost += lost;
    totals.limited += Math.min(limited, saved);
    const takenOver = events(cell).filter(({ kind }) => kind === 'lock-taken-over').length;
    const differing = fails
      ? 0
      : differingBytes(resultsOf(cell, [SEED]), resultsOf(path.join(cwd, 'reference/tiny', name), [SEED]));
    process.stdout.write(
      `${name}: ${status}; ${restarts} restarts: ${preempted} by preemption, ${lost} by the loss of its node, ${limited} by time limits; ${sittingsOf(info).length} sittings, ${takenOver} locks taken over, ${differing} bytes differ\n`,
    );
    const { state, code } = endsOf(`${array}_${task}`)[0]!;
    const wanted = fails ? 'failed FAILED 1:0' : 'done COMPLETED 0:0';
    if (`${status} ${state} ${code}` !== wanted) complaints.push(`${name} is ${status}, ${state} ${code}`);
    if (differing > 0) complaints.push(`${name} differs`);
    if (limited < 0 || (fails && limited > 0))
      complaints.push(`${name}: restarts ${JSON.stringify(history)}`);
    if (lost > 0 && !fails && lastHost !== 'node1') complaints.push(`${name} did not go on elsewhere`);
    const killed = sittingsOf(info).filter(({ end, host }) => end === null && host === 'node2').length;
    if (killed > 0 && takenOver === 0) complaints.push(`${name} did not take its lock over`);
  }
  process.stdout.write(`restarts in all: ${JSON.stringify(totals)}\n`);
  for (const [cause, count] of Object.entries(totals)) {
    if (count === 0) complaints.push(`no task was ${cause}`);
  }
  const takenOver = readdirSync(dir).flatMap((name) =>
    existsSync(path.join(dir, name, 'events.jsonl')) ? events(path.join(dir, name)) : [],
  );
  if (!takenOver.some(({ kind }) => kind === 'lock-taken-over')) complaints.push('no lock was taken over');
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
  const root = mkdtempSync(path.join(tmpdir(), 'wm-slurm-runs-'));
  const [main, refused, clock] = ['main', 'refused', 'clock'].map((name) => path.join(root, name));
  for (const folder of [main!, refused!, clock!]) {
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'cells.yaml'), cells(STEPS));
  }
  const begin = performance.now();
  try {
    const started = spawnSync(path.join(here, 'start.sh'), [state], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (started.status !== 0) throw new Error(started.stderr);
    const complaints = [
      ...(await refusedHere(refused!)),
      ...(await refusedByTasks(path.join(state, 'unshared'), clock!, onlyCell)),
      ...(await drill(state, main!)),
    ];
    for (const complaint of complaints) process.stdout.write(`not as promised: ${complaint}\n`);
    if (complaints.length > 0) process.exitCode = 1;
    else rmSync(root, { recursive: true });
  } finally {
    spawnSync(path.join(here, 'stop.sh'), [state]);
    say(`${Math.round((performance.now() - begin) / 1000)} s; logs of Slurm: ${state}/log`);
  }
}
