import { type ChildProcess, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { GROUP_SIGNALS } from '../../src/experiment/signals.ts';
import type { RandomStream } from '../../src/random/stream.ts';
import type { Drill } from './drill.ts';
import { continuousRuns, Ground, type Model, makeModel, type Run, recurrentRuns, tiny } from './ground.ts';

/** Faults of processes: killed, signalled, hanging, out of memory. */

const has = (program: string) => spawnSync(program, ['--version']).status === 0;

/**
 * A drill that strikes a run at up to three random instants, one start after the other.
 *
 * @param strike gives the exit codes that may come of it, or nothing where it missed
 */
const strikes =
  (strike: (ground: Ground, child: ChildProcess, random: RandomStream) => number[] | undefined) =>
  async (...[model, random, faults]: Parameters<Drill['run']>) => {
    const ground = new Ground(model);
    let tried = 0;
    while (tried < Math.min(faults, 3)) {
      const { child, ended } = ground.start();
      if (!(await ground.instant(random, ended))) break;
      const codes = strike(ground, child, random);
      ground.check(await ended, codes ?? [0]);
      if (codes) tried++;
    }
    await ground.finish();
    return { ground, tried };
  };

/** SIGKILL of the parent; the next start comes at once, while its workers may still be there. */
export const killParent: Drill = {
  kind: 'SIGKILL of the parent',
  weight: 8,
  run: strikes((_, child) => {
    child.kill('SIGKILL');
    return [137, 0];
  }),
};

/** SIGKILL of one worker: its seed fails, the other goes on. */
export const killWorker: Drill = {
  kind: 'SIGKILL of a worker',
  weight: 5,
  run: strikes((ground, _, random) => {
    const workers = ground.workers();
    const pid = workers[random.integer(Math.max(1, workers.length))];
    return pid !== undefined && signal(pid, 'SIGKILL') ? [0, 1] : undefined;
  }),
};

/** Signals that save and stop, to the parent alone or to the whole group. */
export const signals: Drill = {
  kind: 'signals that save and stop',
  weight: 5,
  run: strikes(saveAndStop),
};

function saveAndStop(ground: Ground, child: ChildProcess, random: RandomStream): number[] {
  // Before its handlers stand, a signal ends the program as it ends any other; SIGUSR1 is Node's own until then.
  const known = existsSync(ground.dir) ? GROUP_SIGNALS : (['SIGINT', 'SIGTERM'] as const);
  signal(random.uniform() < 0.5 ? child.pid! : -child.pid!, known[random.integer(known.length)]!);
  return [130, 0, 143];
}

/** SIGKILL of the parent or of a worker in runs other than the tiny one, whose models are made at the first fault. */
function killIn(kind: string, weight: number, make: (random: RandomStream) => Promise<Model[]>): Drill {
  let made: Promise<Model[]> | undefined;
  return {
    kind,
    weight,
    async run(_, random, faults) {
      made ??= make(random);
      const models = await made;
      const drill = random.uniform() < 0.5 ? killParent : killWorker;
      return drill.run(models[random.integer(models.length)]!, random, faults);
    },
  };
}

/** Where actions are numbers. */
export const killContinuous = killIn('SIGKILL with continuous actions', 6, (random) =>
  Promise.all(continuousRuns.map((run) => makeModel(random, 0, run))),
);

/** Where the agent remembers. */
export const killRecurrent = killIn('SIGKILL with memory', 4, (random) =>
  Promise.all(recurrentRuns.map((run) => makeModel(random, 0, run))),
);

/** A run that spends its time in its random phase and in evaluations of some thousand episodes. */
const LONG_PHASES: Run = {
  ...tiny,
  args: [
    ...['--steps', '200060', '--set', 'randomSteps=200000', '--set', 'replay.capacity=1000'],
    ...['--set', 'evaluation.every=60000', '--set', 'evaluation.episodes=1500'],
  ],
};
let longPhases: Promise<Model> | undefined;

/** The same signals, or SIGKILL of the parent, in a random phase or in an evaluation. */
export const phases: Drill = {
  kind: 'signals in a random phase or an evaluation',
  weight: 6,
  async run(_, random, faults) {
    longPhases ??= makeModel(random, 0, LONG_PHASES);
    const kill = random.uniform() < 0.25;
    const strike = strikes((ground, child, random) => {
      if (!kill) return saveAndStop(ground, child, random);
      child.kill('SIGKILL');
      return [137, 0];
    });
    return strike(await longPhases, random, faults);
  },
};

/** The terminal that the run was started in goes away. */
export const terminal: Drill = {
  kind: 'terminal closed',
  weight: 2,
  unavailable: () => (has('script') ? undefined : 'the program script (util-linux) is not installed'),
  async run(model, random) {
    const ground = new Ground(model);
    // What runs in the terminal holds the output that is waited for: it may outlive the terminal, to save.
    const script = 'exec script -qefc "$0" /dev/null 3>&1';
    const inTerminal = (command: string[]) => ['sh', '-c', script, `exec ${command.join(' ')}`];
    const { child, ended } = ground.start({ wrap: inTerminal });
    const landed = await ground.instant(random, ended);
    child.kill('SIGKILL');
    await ended;
    ground.checkReadable();
    await ground.finish();
    return { ground, tried: Number(landed) };
  },
};

/** Seconds of silence that a drill allows a worker; starting on a very busy machine takes some. */
const PATIENCE = 20;

/** A worker that stops for ever. */
export const hang: Drill = {
  kind: 'worker hangs',
  weight: 1.5,
  async run(model, random) {
    const ground = new Ground(model);
    const { child, ended } = ground.start({ env: { WM_HANG_SECONDS: String(PATIENCE) } });
    const pid = await ground.worker(random, ended, 1000);
    const landed = signal(pid, 'SIGSTOP');
    const end = await ended;
    const named = end.stderr.includes(`worker process ${pid} said nothing for ${PATIENCE} s and was ended`);
    if (landed && end.code === 1 && !named) ground.complain(`the hanging worker is not named: ${end.stderr}`);
    ground.check(end, landed ? [0, 1] : [0]);
    child.kill('SIGKILL');
    const { stderr } = await ground.finish();
    const other = end.stderr.match(/^seed (\d) {2}failed/m)?.[1] === '0' ? 1 : 0;
    if (named && new RegExp(`^seed ${other} {2}step`, 'm').test(stderr)) {
      ground.complain(`seed ${other} did not go on beside the one that hung`);
    }
    return { ground, tried: Number(named) };
  },
};

/** A worker may get no more memory than it has, or a little more. */
export const memory: Drill = {
  kind: 'worker out of memory',
  weight: 2,
  unavailable: () => (has('prlimit') ? undefined : 'the program prlimit (util-linux) is not installed'),
  async run(model, random) {
    const ground = new Ground(model);
    const { ended } = ground.start();
    const pid = await ground.worker(random, ended, ground.seconds * 500);
    const mapped = Number(/^VmSize:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? 0) * 1024;
    const limit = Math.round(mapped * (0.9 + 0.1 * random.uniform()));
    const landed = mapped > 0 && spawnSync('prlimit', ['--pid', `${pid}`, `--as=${limit}`]).status === 0;
    ground.check(await ended, [0, 1]);
    await ground.finish();
    return { ground, tried: Number(landed) };
  },
};

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** @returns false where the process (or group) is gone. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
