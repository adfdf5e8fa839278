import type { ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { RandomStream } from '../../src/random/stream.ts';
import { readRun } from '../../src/runs/read.ts';
import { type Ended, installedEngines, launch, wmBriefly } from '../support/program.ts';
import { events, tinyDreamCritic } from '../support/tiny-run.ts';
import { differingBytes, growing, linesSoFar, type Results, resultsOf } from './results.ts';

export const SEEDS = [0, 1];

/** Two seeds with a checkpoint every 20 steps. */
const length = `seeds: [${SEEDS}]
steps: 160
evaluation: { every: 20, episodes: 2 }
`;
const dreamCritic = `${tinyDreamCritic}${length}horizon: 3\n`;
const tinyPpo = `${length}method: ppo
name: tiny
engine: wasm
logEvery: 5
environments: 2
rolloutSteps: 8
epochs: 2
batch: 8
actor: { hidden: [8] }
critic: { hidden: [8] }
`;

const tinySac = `${length}method: sac
name: tiny
engine: wasm
environment: Pendulum-v1
randomSteps: 40
updateEvery: 4
updates: 3
logEvery: 5
actor: { hidden: [8] }
critic: { hidden: [8] }
replay: { capacity: 100, batch: 8 }
`;

/** What is run: a config whose run is named tiny, and what the command line adds to it. */
export interface Run {
  config: string;
  args: readonly string[];
}

export const tiny: Run = { config: dreamCritic, args: [] };

/** Runs of agents whose actions are numbers: with random actions that are held, with running statistics, off-policy. */
export const continuousRuns: readonly Run[] = [
  { config: `${dreamCritic}environment: Pendulum-v1\nrandomHold: 8\n`, args: [] },
  { config: `${tinyPpo}environment: Pendulum-v1\nnormalise: true\n`, args: [] },
  { config: tinySac, args: [] },
];

/** What is small of a Dreamer or a PlaNet, with every part. */
const tinyRssm = `${length}name: tiny
engine: wasm
randomSteps: 40
updateEvery: 2
logEvery: 5
replay: { capacity: 100, batch: 3, length: 4 }
model: { stoch: 2, classes: 3, deter: 8, hidden: 5, blocks: 2, units: 6, encoderLayers: 1, decoderLayers: 1 }
twoHot: { bins: 7, limit: 3 }
`;

/** Runs of agents with memory: what they carry from step to step, a state of the model or a plan too, decides their actions. */
export const recurrentRuns: readonly Run[] = [
  {
    config: `${tinyRssm}method: dreamer
horizon: 3
startsPerWindow: 3
critic: { layers: 1 }
actor: { layers: 1 }
`,
    args: [],
  },
  {
    config: `${tinyRssm}method: planet
planner: { horizon: 3, candidates: 6, elites: 2, iterations: 2, warmStart: true }
`,
    args: [],
  },
  {
    config: `${length}name: tiny
engine: wasm
method: tdmpc
environment: Pendulum-v1
randomSteps: 40
pretraining: 5
updateEvery: 2
logEvery: 5
replay: { capacity: 100, batch: 3, length: 3 }
model: { latent: 6, simNorm: 3, hidden: 7, encoderHidden: 5, continueHead: false }
twoHot: { bins: 7, limit: 3 }
planner: { horizon: 2, candidates: 6, elites: 2, iterations: 2 }
`,
    args: [],
  },
  {
    config: `${length}name: tiny
engine: wasm
method: muzero
randomSteps: 40
updateEvery: 2
logEvery: 5
unroll: 2
returns: { steps: 3 }
replay: { capacity: 100, batch: 3, prioritised: true }
model: { latent: 5, hidden: [6], encoderHidden: [7] }
search: { simulations: 3 }
reanalyse: 0.5
`,
    args: [],
  },
  {
    config: `${length}name: tiny
engine: wasm
method: pets
randomSteps: 40
updateEvery: 8
updates: 4
pretraining: 5
logEvery: 5
replay: { capacity: 100, batch: 8 }
model: { networks: 2, layers: 2, units: 6 }
particles: 4
propagation: ts1
planner: { horizon: 3, candidates: 6, elites: 2, iterations: 2 }
`,
    args: [],
  },
];

export interface StartOptions {
  env?: Record<string, string>;
  /** The whole command line, made from wm's own. */
  wrap?: (command: string[]) => string[];
}

/** What never goes wrong, and runs that stopped half-way, for all drills to compare with and to start from. */
export interface Model extends Run {
  results: Results;
  /** Seconds that the undisturbed run took. */
  seconds: number;
  /** Runs that were stopped on their way. */
  stopped: Ground[];
}

/** Lines that a run may write to stderr, off a terminal. */
const KNOWN_LINES = [
  /^(training|resuming) runs\/tiny \([^()]+\) on /,
  /^runs\/tiny is finished: nothing to do$/,
  /^seed \d+ {2}(step \d+\/\d+ |done$|interrupted|failed: .+$)/,
  /^saving every seed; once more to stop at once$/,
  /^stopped after saving; the same command goes on from here$/,
  /^runs\/tiny\/seed-\d\/checkpoint\.safetensors: .+; going on from the checkpoint before it, at step \d+$/,
  /^wm: [^\n]+$/,
];

/** One run in a folder of its own, to be disturbed and brought to its end. */
export class Ground {
  readonly cwd: string;
  readonly dir: string;
  /** What was not as promised, each in a few words. */
  readonly complaints: string[] = [];
  /** Bytes of results that differ from the undisturbed run's. */
  differing = 0;
  /** Whether the run could not be brought to its end. */
  lost = false;
  readonly #run: Run;
  readonly #model: Model | undefined;
  readonly #running = new Set<ChildProcess>();

  /** @param run with or without a model of how it goes undisturbed */
  constructor(run: Run | Model) {
    this.#run = run;
    this.#model = 'results' in run ? run : undefined;
    this.cwd = mkdtempSync(path.join(tmpdir(), 'wm-drill-'));
    this.dir = path.join(this.cwd, 'runs', 'tiny');
    writeFileSync(path.join(this.cwd, 'tiny.yaml'), run.config);
  }

  /** A ground on which one of the stopped runs stands. */
  static ofStopped(model: Model, random: RandomStream): Ground {
    const ground = new Ground(model);
    cpSync(model.stopped[random.integer(model.stopped.length)]!.dir, ground.dir, { recursive: true });
    return ground;
  }

  /** Seconds that an undisturbed run takes. */
  get seconds(): number {
    return this.#model?.seconds ?? 0;
  }

  /** Starts `wm train` in a process group of its own. */
  start({ env, wrap = (command) => command }: StartOptions = {}): ReturnType<typeof launch> {
    const config = path.join(this.cwd, 'tiny.yaml');
    const { WM_ENGINE } = process.env;
    const engine = WM_ENGINE ? ['--engine', WM_ENGINE] : [];
    const command = wrap([...wmBriefly, 'train', '--config', config, ...this.#run.args, ...engine]);
    const { child, ended } = launch(command, {
      cwd: this.cwd,
      detached: true,
      env: { ...(WM_ENGINE && installedEngines), ...env },
    });
    this.#running.add(child);
    void ended.then(() => this.#running.delete(child));
    return { child, ended };
  }

  /** Notes what went wrong, with the place in the drill. */
  complain(what: string): void {
    this.complaints.push(what);
  }

  /**
   * What must hold after any fault: the exit code is one of these, stderr holds sentences and no stack, and what
   * is in the CSVs is the beginning of what the undisturbed run wrote.
   */
  check({ code, stderr }: Ended, codes: readonly number[]): void {
    if (!codes.includes(code)) this.complain(`exit code ${code}, not ${codes}: ${stderr.slice(-600)}`);
    for (const line of stderr.split('\n').filter((text) => text !== '')) {
      if (!KNOWN_LINES.some((known) => known.test(line))) this.complain(`an unexpected line: ${line}`);
    }
    this.checkReadable();
  }

  /** What was written can be read, and is right as far as it goes. */
  checkReadable(): void {
    if (!this.#model || !existsSync(path.join(this.dir, 'run.json'))) return;
    try {
      readRun(this.dir);
      for (const name of growing(SEEDS)) {
        const lines = linesSoFar(path.join(this.dir, name));
        const wanted = this.#model.results.get(name)!.split('\n');
        if (lines.some((line, i) => line !== wanted[i])) this.complain(`${name} holds wrong rows`);
      }
    } catch (error) {
      this.complain(`not readable: ${(error as Error).message}`);
    }
  }

  /** Runs to the end and compares with the undisturbed run. */
  async finish(options: StartOptions = {}): Promise<Ended> {
    const ended = await this.start(options).ended;
    this.check(ended, [0]);
    this.lost = ended.code !== 0;
    if (this.lost) return ended;
    this.differing = differingBytes(resultsOf(this.dir, SEEDS), this.#model!.results);
    if (this.differing > 0) this.complain(`${this.differing} bytes of results differ`);
    return ended;
  }

  /** The process ids of the workers that this sitting started, by the run's events. */
  workers(): number[] {
    const all = events(this.dir);
    const begin = all.findLastIndex(({ kind }) => kind === 'start' || kind === 'resume');
    return all.slice(Math.max(begin, 0)).flatMap(({ kind, pid }) => (kind === 'worker' ? [pid] : []));
  }

  /** One of the two workers that a run starts, once both are there and some milliseconds have passed, at random. */
  async worker(random: RandomStream, ended: Promise<unknown>, milliseconds: number): Promise<number> {
    await until(() => this.workers().length >= 2, ended);
    await setTimeout(random.uniform() * milliseconds);
    return this.workers()[random.integer(2)]!;
  }

  /**
   * Waits for an instant to disturb: at random within the time that a run takes, or the middle of a random write.
   * Returns false where the run has ended before.
   */
  async instant(random: RandomStream, ended: Promise<unknown>): Promise<boolean> {
    const over = ended.then(() => false);
    if (random.uniform() < 0.5) {
      return Promise.race([setTimeout(random.uniform() * this.seconds * 1000, true), over]);
    }
    const seed = SEEDS[random.integer(SEEDS.length)]!;
    const skip = random.integer(10);
    return Promise.race([this.#write(path.join(this.dir, `seed-${seed}`), skip, over), over]);
  }

  /** Resolves while a checkpoint of a seed is being written, after `skip` writes. */
  async #write(dir: string, skip: number, over: Promise<boolean>): Promise<boolean> {
    if (!(await until(() => existsSync(dir), over))) return false;
    return new Promise((resolve) => {
      let left = skip * 3;
      const watcher = watch(dir, () => {
        if (left-- > 0) return;
        watcher.close();
        resolve(true);
      });
      watcher.on('error', () => resolve(false));
      void over.then(() => watcher.close());
    });
  }

  /** Ends what is still running and deletes the folder. */
  async clear(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    // Workers notice that they are alone at their next write.
    for (let tries = 0; tries < 50; tries++) {
      try {
        rmSync(this.cwd, { recursive: true, force: true });
        return;
      } catch {
        await setTimeout(100);
      }
    }
  }
}

/** Waits until something holds; returns false where the run has ended before. */
async function until(holds: () => boolean, ended: Promise<unknown>): Promise<boolean> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && !holds()) await setTimeout(20);
  return !over;
}

/** Runs undisturbed once, and `stopped` times up to a random instant at which no seed is done. */
export async function makeModel(random: RandomStream, stopped: number, run: Run = tiny): Promise<Model> {
  const ground = new Ground(run);
  const begin = performance.now();
  const { code, stderr } = await ground.start().ended;
  if (code !== 0) throw new Error(`the undisturbed run failed: ${stderr}`);
  const seconds = (performance.now() - begin) / 1000;
  const model: Model = { ...run, results: resultsOf(ground.dir, SEEDS), seconds, stopped: [] };
  await ground.clear();
  while (model.stopped.length < stopped) {
    const half = new Ground(model);
    const { child, ended } = half.start();
    const rows = 3 + random.integer(4);
    const written = (seed: number) => linesSoFar(path.join(half.dir, `seed-${seed}/metrics.csv`)).length;
    await until(() => SEEDS.every((seed) => written(seed) > rows), ended);
    child.kill('SIGINT');
    await ended;
    if (SEEDS.some((seed) => existsSync(path.join(half.dir, `seed-${seed}`, 'done.json'))))
      await half.clear();
    else model.stopped.push(half);
  }
  return model;
}
