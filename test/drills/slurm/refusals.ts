import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { launch, wm } from '../../support/program.ts';
import { text } from '../../support/tiny-run.ts';
import { emptied, endsOf, queue } from './queue.ts';

/** What is refused on a real Slurm: with one sentence and exit code 2, and nothing in the queue or on the disk. */

const SUBMIT = ['sweep', '--config', 'cells.yaml', '--submit', 'slurm'];
const ask = (cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  launch([...wm, ...args], { cwd, env }).ended;

/** Complaints about what is refused where it is typed. */
export async function refusedHere(cwd: string): Promise<string[]> {
  const bare = path.join(cwd, 'bare');
  mkdirSync(bare);
  symlinkSync(process.execPath, path.join(bare, 'node'));
  const cases: [string[], NodeJS.ProcessEnv, RegExp][] = [
    [[...SUBMIT, '--slurm', 'partition=nope'], {}, /Invalid partition name specified/],
    [[...SUBMIT, '--slurm', 'mem=900000G'], {}, /Requested node configuration is not available/],
    [[...SUBMIT, '--slurm', 'constraint=nope'], {}, /Invalid feature specification/],
    [[...SUBMIT, '--seed-shares', '3', '--set', 'seeds=[0,1,2]'], {}, /task 17 is beyond the arrays of this/],
    [[...SUBMIT, '--set', 'seeds=[]'], {}, /seeds: expected/],
    [
      ['sweep', '--config', 'cells.yaml', '--cell', '6'],
      {},
      /there is no such cell; this sweep has cells 0 to 5/,
    ],
    [SUBMIT, { PATH: bare }, /^wm: scontrol: not found; /],
    [SUBMIT, { SLURM_CLUSTERS: 'other' }, /^wm: SLURM_CLUSTERS=other: /],
  ];
  const before = readdirSync(cwd, { recursive: true }).sort().join();
  const complaints: string[] = [];
  for (const [args, env, words] of cases) {
    const { code, stdout, stderr } = await ask(cwd, args, env);
    const isTold =
      code === 2 && stdout === '' && words.test(stderr) && stderr.trim().split('\n').length === 1;
    if (!isTold) complaints.push(`${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    process.stdout.write(`refused: ${stderr}`);
  }
  if (queue().length > 0) complaints.push(`left in the queue: ${JSON.stringify(queue())}`);
  if (readdirSync(cwd, { recursive: true }).sort().join() !== before)
    complaints.push('something was written');
  return complaints;
}

async function submitted(cwd: string, ...options: string[]): Promise<{ array: string; compare: string }> {
  const { code, stdout, stderr } = await ask(cwd, [...SUBMIT, ...options, '--json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/**
 * Complaints about what only a task can see: a folder that its node does not have, and a clock behind that of the host
 * that submitted.
 *
 * @param unshared a folder in whose place each node has another
 */
export async function refusedByTasks(unshared: string, cwd: string, config: string): Promise<string[]> {
  const complaints: string[] = [];
  writeFileSync(path.join(unshared, 'cells.yaml'), config);
  const alone = await submitted(unshared, '--slurm', 'time=5');
  writeFileSync(path.join(cwd, 'cells.yaml'), config);
  const early = await submitted(cwd, '--slurm', 'time=5', '--slurm', 'begin=now+10');
  const record = path.join(cwd, 'runs/sweeps/tiny/slurm/submission.json');
  // A host whose clock is ahead of the node's would have written this.
  const { time, ...rest } = JSON.parse(readFileSync(record, 'utf8'));
  const later = new Date(Date.parse(time) + 600_000).toISOString();
  writeFileSync(record, JSON.stringify({ ...rest, time: later }));
  await emptied(180);
  for (const { state, code, comment } of [alone.array, alone.compare].flatMap(endsOf)) {
    process.stdout.write(`${state} ${code}, comment: ${comment}\n`);
    if (code !== '2:0' || !/^wm: .* is not shared: /.test(comment)) {
      complaints.push(`a folder that is not shared: ${state} ${code} ${comment}`);
    }
  }
  for (const [task, { code }] of endsOf(early.array).entries()) {
    const log = text(cwd, `runs/sweeps/tiny/slurm/logs/${early.array}_${task}.out`);
    if (code !== '2:0' || !/the clock of node\d is at least \d+ s behind that of /.test(log)) {
      complaints.push(`a clock that is behind: ${code} ${log}`);
    }
    if (task === 0) process.stdout.write(log);
  }
  return complaints;
}
