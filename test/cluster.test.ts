import assert from 'node:assert/strict';
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
import { hostname } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import {
  indexRanges,
  mostArrayTasks,
  parseSbatchOption,
  refusalOf,
  slurmEnvironment,
  submittedJob,
} from '../src/cluster/slurm.ts';
import { requireSameClock, writeSubmission } from '../src/runs/submission.ts';
import { fakePrograms } from './support/fake-programs.ts';
import { runMaker } from './support/run-folders.ts';
import { Session } from './support/session.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { text, tinyDreamCritic } from './support/tiny-run.ts';

const windows = process.platform === 'win32' && 'there is no bash for the scripts on Windows';
const root = temporaryFolder('cluster');
const wm = new Session();
after(() => wm.close());

function workplace(): string {
  const cwd = mkdtempSync(path.join(root, "pl'ace 100% "));
  writeFileSync(
    path.join(cwd, 'cells.yaml'),
    `${tinyDreamCritic}seeds: [0, 1, 2]\nsweep: {horizon: [10, 3]}\n`,
  );
  writeFileSync(path.join(cwd, 'tiny.yaml'), `${tinyDreamCritic}seeds: [0, 1, 2]\n`);
  return cwd;
}

/** A Slurm that writes down what it is asked and answers as the real one does. */
function fakeSlurm() {
  const log = path.join(mkdtempSync(path.join(root, 'log-')), 'log');
  const programs = fakePrograms(root, {
    sbatch: `echo "sbatch $*" >> '${log}'
script=$(cat)
case "$script" in
  *partition=nope*) echo 'sbatch: error: invalid partition specified: nope
sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1 ;;
  *comparequos*) case "$*" in *afterany*) echo 'sbatch: error: Batch job submission failed: Invalid qos specification' >&2; exit 1 ;; esac ;;
esac
case "$*" in *afterany*) echo 42 ;; *) echo '41;c' ;; esac`,
    scontrol: `echo "scontrol $*" >> '${log}'
case "$1 $2" in "show config") echo 'ClusterName             = c
MaxArraySize            = 5' ;; esac
case "$*" in "-o show job"*) echo "JobId=1 JobState=$JOB_STATE Reason=None" ;; esac`,
    squeue: `echo "squeue $*" >> '${log}'
case "$*" in *"--jobs 41 "*|*"--jobs 43 "*) echo 41_0 ;;
  *"--jobs 45 "*) ;;
  *"--jobs 46 "*) echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1 ;;
  *) echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1 ;; esac`,
    scancel: `echo "scancel $*" >> '${log}'`,
    sleep: '',
  });
  const env = { PATH: `${programs}${path.delimiter}${process.env.PATH}` };
  return {
    env,
    /** What it was asked since the last time. */
    asked: () => {
      const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
      rmSync(log, { force: true });
      return lines;
    },
  };
}

const listing = (cwd: string) => readdirSync(cwd, { recursive: true }).sort();
const SWEEP = ['sweep', '--config', 'cells.yaml', '--submit', 'slurm'];

describe('a submission', { skip: windows }, () => {
  test('writes an array and a job that compares, and hands over both or none', async () => {
    const cwd = workplace();
    const { env, asked } = fakeSlurm();
    const dir = path.join(cwd, 'runs/sweeps/tiny');
    const refusals: [string[], RegExp][] = [
      [
        [...SWEEP, '--slurm', 'partition=nope'],
        /^wm: \S+.* sbatch refuses to take it: Invalid partition name specified; nothing was submitted, look at --slurm partition=nope\n$/,
      ],
      [[...SWEEP, '--slurm', 'qos=comparequos'], /sbatch refuses to take it: Invalid qos specification; /],
      [
        [...SWEEP, '--seed-shares', '3'],
        /task 5 is beyond the arrays of this cluster, which have tasks 0 to 4 /,
      ],
      [[...SWEEP, '--slurm', 'array=0-9'], /^wm: --slurm array=0-9: array is wm's to set/],
      [
        [...SWEEP, '--slurm', 'clusters=other'],
        /^wm: --slurm clusters=other: a submission goes to the cluster that it is typed on/,
      ],
      [
        ['train', '--config', 'tiny.yaml', '--name', 'odd', '--submit', 'slurm'],
        /^wm: runs\/odd\/config\.yaml: a folder stands where a file is needed; move it away\n$/,
      ],
      [
        [...SWEEP, '--slurm', 'arra=3'],
        /^wm: --slurm arra=3: sbatch would take arra for array; give another option, by its whole name\n$/,
      ],
      [[...SWEEP, '--slurm', 'outpu=x'], /^wm: --slurm outpu=x: sbatch would take outpu for output/],
      [[...SWEEP, '--slurm', 'partition gpu'], /^wm: --slurm partition gpu: expected key=value/],
      [[...SWEEP, '--slurm', 'comment=a b'], /a value without spaces/],
      [[...SWEEP, '--cell', '1'], /^wm: --cell: is for one task, and --submit makes them all/],
      [
        ['train', '--config', 'tiny.yaml', '--array-limit', '2'],
        /^wm: --array-limit: goes with --submit slurm/,
      ],
      [['train', '--config', 'tiny.yaml', '--submit', 'pbs'], /Allowed choices are slurm/],
    ];
    mkdirSync(path.join(cwd, 'runs/odd/config.yaml'), { recursive: true });
    const before = listing(cwd);
    for (const [args, words] of refusals) {
      const { code, stdout, stderr } = await wm.run(cwd, args, env);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, words);
    }
    assert.deepEqual(listing(cwd), before, 'nothing is written');
    assert.deepEqual(
      asked().flatMap((line) => /^.*afterany:\d+|^scancel.*|^.*StartTime.*/.exec(line) ?? []),
      ['sbatch --parsable --dependency=afterany:41', 'scancel 41'],
    );

    const options = [
      '--slurm',
      'partition=low',
      '--slurm',
      'mem=1G',
      '--array-limit',
      '2',
      '--seed-shares',
      '2',
    ];
    const done = await wm.run(cwd, [...SWEEP, ...options, '--json'], env);
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(JSON.parse(done.stdout), {
      ...{ folder: 'runs/sweeps/tiny', array: '41', compare: '42', tasks: 4 },
      scripts: {
        array: 'runs/sweeps/tiny/slurm/array.sbatch',
        compare: 'runs/sweeps/tiny/slurm/compare.sbatch',
      },
    });
    const [config, array, compare, begin, ...further] = asked();
    assert.deepEqual(
      [config, begin, further],
      ['scontrol show config', 'scontrol update JobId=41 StartTime=now', []],
    );
    assert.match(array!, /^sbatch --parsable --begin=now\+1hour .*--array=0-3%2 .*--partition=low --mem=1G$/);
    assert.match(compare!, /^sbatch --parsable --dependency=afterany:41 .*--partition=low$/);
    const again = await wm.run(cwd, SWEEP, env);
    assert.deepEqual(asked(), ['scontrol show config', 'squeue --noheader --jobs 41 --format %i']);
    const status = await wm.run(cwd, ['status', 'runs/sweeps/tiny']);
    assert.match(again.stderr, /was submitted as job 41, which still waits or runs; wait for it, or cancel/);
    assert.match(status.stdout, /^runs\/sweeps\/tiny: 2 cells; seeds: 6 waiting\n/);
    const scripts = ['array', 'compare'].map((name) => text(dir, `slurm/${name}.sbatch`));
    for (const line of [
      '--array=0-3%2',
      '--cpus-per-task=1',
      '--signal=B:TERM@120',
      '--requeue',
      '--output=/dev/null',
    ]) {
      assert.ok(scripts[0]!.includes(`\n#SBATCH ${line}\n`), line);
    }
    assert.match(
      scripts[0]!,
      /--cell \$\(\(SLURM_ARRAY_TASK_ID \/ 2\)\) --seed-share \$\(\(SLURM_ARRAY_TASK_ID % 2\)\)\/2 &/,
    );
    assert.match(scripts[1]!, /\n#SBATCH --partition=low\n/);
    assert.doesNotMatch(scripts[1]!, /mem=1G/);
    for (const name of ['array', 'compare']) {
      assert.equal(spawnSync('bash', ['-n', path.join(dir, `slurm/${name}.sbatch`)]).status, 0);
    }
    // One table would mix the environments.
    writeFileSync(
      path.join(cwd, 'tasks.yaml'),
      'method: ppo\nsweep: {environment: [CartPole-v1, Acrobot-v1]}\n',
    );
    const over = ['sweep', '--config', 'tasks.yaml', '--name', 'tasks', '--submit', 'slurm', '--dry-run'];
    assert.equal((await wm.run(cwd, over, env)).code, 0);
    assert.match(
      text(cwd, 'runs/sweeps/tasks/slurm/compare.sbatch'),
      / compare "\$folder" --by-environment --out /,
    );
  });

  test('is of what is unfinished, and takes away the locks of jobs that are gone', async () => {
    const cwd = workplace();
    const { env, asked } = fakeSlurm();
    const dir = path.join(cwd, 'runs/sweeps/tiny');
    const dry = [...SWEEP, '--dry-run', '--workers', '3'];
    const noSlurm = { PATH: root };
    const written = await wm.run(cwd, dry, noSlurm);
    const none = await wm.run(cwd, SWEEP, noSlurm);
    assert.equal(written.code, 0, written.stderr);
    assert.match(written.stderr, /^wrote runs\/sweeps\/tiny\/slurm\/array\.sbatch \(2 tasks\) and /);
    assert.deepEqual([none.code, none.stdout], [2, '']);
    assert.match(
      none.stderr,
      /^wm: scontrol: not found; submit on a host of a Slurm cluster, or write the scripts/,
    );
    for (const words of ['--cpus-per-task=3\n', ' --workers 3 &\n']) {
      assert.ok(text(dir, 'slurm/array.sbatch').includes(words), words);
    }
    const inRealTime = await wm.run(cwd, [...dry, '--set', 'realTime=true', '--name', 'live'], noSlurm);
    assert.equal(inRealTime.code, 0, inRealTime.stderr);
    const live = text(cwd, 'runs/sweeps/live/slurm/array.sbatch');
    assert.ok(live.includes('--cpus-per-task=6\n'), 'two processes of each seed');

    const overrides = ['model.latent=4', 'steps=50000'];
    runMaker(dir)('horizon=10', { curves: [[1], [2], [3]], seeds: [0, 1, 2], overrides });
    mkdirSync(path.join(dir, 'horizon=3'));
    const lock = path.join(dir, 'horizon=3/run.lock');
    const left = (job: number, cluster = 'c') => {
      const owner = { pid: 7, host: 'node1', started: null, place: 'x', lease: 300 };
      writeFileSync(
        lock,
        JSON.stringify({ ...owner, job: { id: `slurm:${cluster}:${job}_1`, restarts: 0 } }),
      );
    };
    const isLeft = (words: RegExp, { code, stderr }: { code: number | null; stderr: string }) => {
      assert.match(stderr, words);
      assert.equal(code, 2);
      assert.ok(existsSync(lock));
    };
    left(46);
    const silent = await wm.run(cwd, SWEEP, env);
    isLeft(/squeue does not say whether job 46 still waits or runs: Unable to contact slurm /, silent);
    left(44, 'other');
    const abroad = await wm.run(cwd, SWEEP, env);
    isLeft(/by Slurm job 44_1 of the cluster other, of which Slurm here \(c\) cannot tell; /, abroad);
    assert.ok(!asked().some((line) => line.startsWith('sbatch')), 'nothing is submitted');
    left(43);
    const held = await wm.run(cwd, SWEEP, env);
    assert.match(
      held.stderr,
      /horizon=3 is in use by Slurm job 43_1; wait for it, or cancel it with scancel\n$/,
    );
    assert.equal(held.code, 2);
    left(44);
    const taken = await wm.run(cwd, [...SWEEP, '--seed-shares', '2'], env);
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(text(dir, 'slurm/array.sbatch'), /--array=2-3\n/);
    assert.deepEqual(readdirSync(path.dirname(lock)), []);
    assert.ok(asked().includes('squeue --noheader --jobs 44 --format %i'));
  });

  test('that is in the queue is not lost to a dry run, nor taken for gone where Slurm does not answer', async () => {
    const cwd = workplace();
    const { env } = fakeSlurm();
    const done = await wm.run(cwd, SWEEP, env);
    assert.equal(done.code, 0, done.stderr);
    const dir = path.join(cwd, 'runs/sweeps/tiny/slurm');
    const kept = () => ['probe', 'submission.json'].map((name) => text(dir, name));
    const before = kept();
    const dry = await wm.run(cwd, [...SWEEP, '--dry-run', '--array-limit', '1'], env);
    const again = await wm.run(cwd, SWEEP, env);
    assert.equal(dry.code, 0, dry.stderr);
    assert.deepEqual(kept(), before);
    const script = text(dir, 'array.sbatch');
    assert.match(script, /--array=0-1%1\n/);
    assert.ok(script.includes(before[0]!.trim()));
    assert.match(again.stderr, /was submitted as job 41, which still waits or runs/);
    const other = [...SWEEP, '--dry-run', '--set', 'steps=60000'];
    for (const path of [env.PATH, root]) {
      const { code, stderr } = await wm.run(cwd, other, { PATH: path });
      assert.match(
        stderr,
        /was submitted as job 41 with another config, which tasks of it may still train by;/,
      );
      assert.equal(code, 2);
    }
    assert.doesNotMatch(text(dir, '../sweep.yaml'), /steps: 60000/);
    const record = path.join(dir, 'submission.json');
    const submitted = (array: string) =>
      writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, 'utf8')), array }));
    submitted('46');
    const silent = await wm.run(cwd, SWEEP, env);
    assert.equal(silent.code, 2);
    assert.match(silent.stderr, /squeue does not say whether job 46 still waits or runs: Unable to contact/);
    submitted('45');
    const ended = await wm.run(cwd, SWEEP, env);
    assert.equal(ended.code, 0, ended.stderr);
    submitted('45');
    const gone = await wm.run(cwd, other, env);
    assert.equal(gone.code, 0, gone.stderr);
    assert.match(text(dir, '../sweep.yaml'), /steps: 60000/);
  });

  test('is what the command line says, whatever variables say; when it begins may be said', async () => {
    const cwd = workplace();
    const { env, asked } = fakeSlurm();
    const abroad = await wm.run(cwd, SWEEP, { ...env, SLURM_CLUSTERS: 'other' });
    assert.match(
      abroad.stderr,
      /^wm: SLURM_CLUSTERS=other: a submission goes to the cluster that it is typed on/,
    );
    assert.equal(abroad.code, 2);
    assert.deepEqual(asked(), []);
    const tomorrow = await wm.run(cwd, [...SWEEP, '--slurm', 'begin=tomorrow'], env);
    assert.equal(tomorrow.code, 0, tomorrow.stderr);
    const [, array, , begin] = asked();
    assert.match(array!, /^sbatch --parsable --hold .*--begin=tomorrow$/);
    assert.equal(begin, 'scontrol release 41');
    const kept = { HOME: 'h', SBATCH_PARTITION: 'gpu', SLURM_CONF: 'f' };
    const dropped = {
      SBATCH_WAIT: '1',
      SQUEUE_STATES: 'CD',
      SLURM_RESTART_COUNT: '3',
      SBATCH_ARRAY_INX: '7',
      SBATCH_ERROR: 'e',
    };
    assert.deepEqual(slurmEnvironment({ ...kept, ...dropped }), kept);
  });

  test("of a run has its config beside the scripts, and is the run's folder before its first task", async () => {
    const cwd = workplace();
    const { env } = fakeSlurm();
    const args = ['train', '--config', 'tiny.yaml', '--submit', 'slurm', '--seed-shares', '3', '--quiet'];
    const done = await wm.run(cwd, args, env);
    const status = await wm.run(cwd, ['status', 'runs/tiny']);
    assert.equal(done.code, 0, done.stderr);
    assert.match(
      done.stdout,
      /^submitted array 41 and, to come after it, compare 42; wm status runs\/tiny says/,
    );
    assert.equal(status.stdout.split('\n')[0], 'runs/tiny: 1 run; seeds: 3 waiting');
    const array = text(cwd, 'runs/tiny/slurm/array.sbatch');
    assert.match(
      array,
      /slurm\/config\.yaml' --runs .*--name tiny --seed-share "\$SLURM_ARRAY_TASK_ID"\/3 --quiet &/,
    );
  });
});

test('the array script heeds signals, and requeues its own task where that is due', {
  skip: windows,
}, async () => {
  const cwd = workplace();
  const { env, asked } = fakeSlurm();
  await wm.run(cwd, [...SWEEP, '--dry-run'], env);
  const file = path.join(cwd, 'runs/sweeps/tiny/slurm/array.sbatch');
  const script = readFileSync(file, 'utf8');
  const trainer = fakePrograms(root, {
    wm: 'trap "exit 130" TERM\nfor arg in "$@"; do echo "[$arg]"; done\neval "$DO"',
  });
  writeFileSync(file, script.replace(/^node=.*$/m, `node='${trainer}/wm'`));
  const task = {
    SLURM_JOB_ID: '45',
    SLURM_ARRAY_JOB_ID: '44',
    SLURM_ARRAY_TASK_ID: '1',
    JOB_STATE: 'RUNNING',
  };
  const log = path.join(cwd, 'runs/sweeps/tiny/slurm/logs/44_1.out');
  const play = (more: NodeJS.ProcessEnv) => {
    rmSync(log, { force: true });
    const { status } = spawnSync('bash', [file], {
      env: { ...process.env, ...env, ...task, SLURM_SUBMIT_DIR: cwd, ...more },
    });
    const told = asked();
    const requeued = told.filter((line) => line.startsWith('scontrol requeue'));
    return { status, told, requeued, log: existsSync(log) ? readFileSync(log, 'utf8') : null };
  };
  const saved = play({ DO: 'exit 130' });
  assert.deepEqual([saved.status, saved.requeued], [130, ['scontrol requeue 44_1']]);
  assert.match(saved.log!, /^task 44_1, restart 0, on /);
  assert.match(saved.log!, /\[--cell\]\n\[1\]\n/);
  assert.ok(saved.log!.includes(`[${path.join(cwd, 'runs/sweeps/tiny/sweep.yaml')}]`));
  // Ahead of the limit the signal comes to the script: to itself here, while it waits.
  const signalled = play({ DO: 'kill -TERM $PPID; while :; do :; done' });
  assert.deepEqual([signalled.status, signalled.requeued], [130, ['scontrol requeue 44_1']]);
  assert.deepEqual(
    play({ DO: 'trap - TERM; kill -TERM $$' }).requeued,
    ['scontrol requeue 44_1'],
    'before wm listens',
  );
  for (const DO of ['exit 0', 'exit 1', 'exit 2']) {
    const { status, requeued } = play({ DO });
    assert.deepEqual([status, requeued], [Number(DO.at(-1)), []]);
  }
  assert.deepEqual(play({ DO: 'exit 130', JOB_STATE: 'COMPLETING' }).requeued, [], 'cancelled or preempted');
  const often = play({ DO: 'exit 130', SLURM_RESTART_COUNT: '20' });
  assert.deepEqual([often.status, often.requeued], [130, []]);
  assert.match(often.log!, /was restarted 20 times and is not requeued again/);
  writeFileSync(path.join(cwd, 'runs/sweeps/tiny/slurm/probe'), 'another');
  const alone = play({ DO: 'exit 0' });
  assert.deepEqual([alone.status, alone.log], [2, null]);
  const words = new RegExp(`wm: .* is not shared: what ${hostname()} wrote there is not to be seen on `);
  assert.match(alone.told.join('\n'), new RegExp(`^scontrol update JobId=44_1 Comment=${words.source}`));
  assert.match(text(cwd, 'slurm-44_1.out'), new RegExp(`^${words.source}`));
});

test('what Slurm is given and answers', () => {
  assert.equal(indexRanges([0, 1, 2, 3, 7, 9, 10]), '0-3,7,9-10');
  assert.deepEqual(parseSbatchOption('exclusive'), { key: 'exclusive', value: null });
  assert.deepEqual(parseSbatchOption('--gres=gpu:a100:1'), { key: 'gres', value: 'gpu:a100:1' });
  assert.deepEqual(['12\n', '12;cluster\n', 'no', ''].map(submittedJob), ['12', '12', undefined, undefined]);
  assert.equal(mostArrayTasks('LaunchType = x\nMaxArraySize            = 1001\n'), 1001);
  assert.equal(
    refusalOf('sbatch: unrecognized option \'--nosuch=1\'\nTry "sbatch --help"\n'),
    "sbatch: unrecognized option '--nosuch=1'",
  );
  assert.equal(refusalOf(''), 'it does not say why');
});

test('a clock that differs from that of the disk, or of the host that submitted, is told', () => {
  const dir = mkdtempSync(path.join(root, 'clock-'));
  const now = Date.now();
  requireSameClock(dir, now);
  const differs = (way: string) =>
    new RegExp(`: the clock of \\S+ is \\d+ s ${way} that of the disk; set it`);
  assert.throws(() => requireSameClock(dir, now + 90_000), differs('ahead of'));
  assert.throws(() => requireSameClock(dir, now - 90_000), differs('behind'));
  writeSubmission(dir, { array: '', compare: '', probe: '' }, { array: '1', compare: '2', tasks: 1 });
  requireSameClock(dir, now);
  const record = path.join(dir, 'slurm/submission.json');
  const later = {
    ...JSON.parse(readFileSync(record, 'utf8')),
    time: new Date(now + 600_000).toISOString(),
    host: 'login',
  };
  writeFileSync(record, JSON.stringify(later));
  assert.throws(
    () => requireSameClock(dir),
    /is at least (599|600) s behind that of login, where it was submitted/,
  );
});
