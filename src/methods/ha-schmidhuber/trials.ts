import type { EnvironmentEntry } from '../../envs/index.ts';
import { VectorEnvironment } from '../../envs/vector.ts';
import { RandomStream } from '../../random/stream.ts';
import { mean } from '../../statistics.ts';
import { ActingLoop, type Actor } from '../../training/acting.ts';
import type { AgentState } from '../../training/agent.ts';
import type { CmaGeneration } from '../../training/cma-es.ts';
import type { HaSchmidhuberAgent } from './agent.ts';
import type { HaSchmidhuberSettings } from './settings.ts';

/**
 * Evolves controllers by episodes in real environments. Job j of a generation is episode ⌊j / population⌋ of candidate
 * j mod population; an environment whose episode has ended takes the next job. All environments step at once, so where
 * fewer jobs than environments are left, some play episodes that nobody counts; their steps count as all others do.
 *
 * The candidates of a generation begin an episode alike: what differs between their returns is not where they started.
 */
export class Trials {
  readonly #agent: HaSchmidhuberAgent;
  readonly #settings: HaSchmidhuberSettings['controller'];
  readonly #members: number;
  readonly #vector: VectorEnvironment;
  readonly #acting: ActingLoop;
  /** Of each member; a linear controller draws nothing. */
  readonly #streams: readonly RandomStream[];
  /** What each environment's controller is made of: [members × environments × numbers] */
  readonly #controllers: Float32Array;
  readonly #generations: CmaGeneration[] = [];
  /** Whether a member's environments have begun: between two generations they keep what outlives their episodes. */
  readonly #hasBegun: boolean[];
  /** The job of each environment, and its return so far: [members × environments] */
  readonly #job: Float64Array;
  readonly #return: Float64Array;
  /** The next job that nobody has: [members]; 0 before the first step. */
  readonly #next: Float64Array;
  /** Returns of this generation's jobs, NaN where a job is not done: [members × population · episodes] */
  readonly #returns: Float64Array;

  constructor(
    agent: HaSchmidhuberAgent,
    { make }: EnvironmentEntry,
    seeds: readonly number[],
    settings: HaSchmidhuberSettings['controller'],
  ) {
    const count = seeds.length * settings.environments;
    this.#agent = agent;
    this.#settings = settings;
    this.#members = seeds.length;
    this.#vector = new VectorEnvironment(Array.from({ length: count }, make));
    const actor: Actor = {
      carrySize: agent.carrySize,
      noise: { sampled: [], greedy: [] },
      act: (situation) => agent.actBy(this.#controllers, situation),
    };
    this.#acting = new ActingLoop(actor, 'online', 'greedy', seeds.length, settings.environments);
    this.#streams = seeds.map((seed) => RandomStream.named(seed, 'trials'));
    this.#controllers = new Float32Array(count * agent.evolutions[0]!.mean.length);
    this.#job = new Float64Array(count);
    this.#return = new Float64Array(count);
    this.#next = new Float64Array(seeds.length);
    this.#hasBegun = seeds.map(() => false);
    this.#returns = new Float64Array(seeds.length * this.#jobs).fill(Number.NaN);
  }

  /** Jobs of a generation. */
  get #jobs(): number {
    return this.#settings.population * this.#settings.episodes;
  }

  /** One step of every environment of every member. */
  async step(): Promise<void> {
    for (let member = 0; member < this.#members; member++) {
      if (this.#next[member] === 0) this.#beginGeneration(member);
    }
    const actions = await this.#acting.act(this.#vector.observations, this.#streams);
    this.#vector.step(actions);
    const { environments } = this.#settings;
    for (let member = 0; member < this.#members; member++) {
      for (let i = member * environments; i < (member + 1) * environments; i++) this.#account(member, i);
      const own = this.#own(this.#returns, member);
      if (!own.some(Number.isNaN)) this.#endGeneration(member, own);
    }
  }

  /** Adds up an environment's return; where its episode has ended, it takes the next job. */
  #account(member: number, index: number): void {
    this.#return[index]! += this.#vector.rewards[index]!;
    if (!this.#vector.terminated[index] && !this.#vector.truncated[index]) return;
    const job = this.#job[index]!;
    if (job < this.#jobs) this.#own(this.#returns, member)[job] = this.#return[index]!;
    this.#begin(member, index);
  }

  #beginGeneration(member: number): void {
    this.#generations[member] = this.#agent.evolutions[member]!.ask();
    this.#hasBegun[member] = true;
    const { environments } = this.#settings;
    for (let i = member * environments; i < (member + 1) * environments; i++) this.#begin(member, i);
  }

  /** The next job of a member in an environment. */
  #begin(member: number, index: number): void {
    const job = this.#next[member]!++;
    this.#job[index] = job;
    this.#return[index] = 0;
    this.#assign(member, index);
    const episode = Math.floor(job / this.#settings.population);
    this.#vector.reset(index, this.#agent.evolutions[member]!.stream(`episode/${episode}`));
    this.#acting.forget(index);
  }

  /** Has an environment's controller be the candidate of its job. */
  #assign(member: number, index: number): void {
    const { candidates } = this.#generations[member]!;
    const numbers = candidates[this.#job[index]! % candidates.length]!;
    this.#controllers.set(numbers, index * numbers.length);
  }

  #endGeneration(member: number, returns: Float64Array): void {
    const { population } = this.#settings;
    const means = Array.from({ length: population }, (_, k) =>
      mean([...returns].filter((_, job) => job % population === k)),
    ) as number[];
    this.#agent.evolutions[member]!.tell(this.#generations[member]!, means, false);
    this.#agent.adopt();
    returns.fill(Number.NaN);
    this.#next[member] = 0;
  }

  #own(values: Float64Array, member: number): Float64Array {
    const size = values.length / this.#members;
    return values.subarray(member * size, (member + 1) * size);
  }

  save(member: number): AgentState['arrays'] {
    const { environments } = this.#settings;
    const from = member * environments;
    const states = Array.from({ length: this.#hasBegun[member] ? environments : 0 }, (_, i) =>
      this.#vector.state(from + i),
    );
    const { carry, carrySize } = this.#acting;
    return {
      'trials.state': {
        shape: [states.length, states[0]?.length ?? 0],
        data: Float64Array.from(states.flat()),
      },
      'trials.carry': {
        shape: [environments, carrySize],
        data: carry.slice(from * carrySize, (from + environments) * carrySize),
      },
      'trials.job': { shape: [environments], data: this.#own(this.#job, member).slice() },
      'trials.return': { shape: [environments], data: this.#own(this.#return, member).slice() },
      'trials.next': { shape: [1], data: this.#own(this.#next, member).slice() },
      'trials.returns': { shape: [this.#jobs], data: this.#own(this.#returns, member).slice() },
    };
  }

  /** Takes over what `save` gave, the agent having taken over its own. Throws a RangeError where a value is out of its range. */
  load(member: number, arrays: AgentState['arrays']): void {
    const { environments } = this.#settings;
    const from = member * environments;
    const { carry, carrySize } = this.#acting;
    carry.set(arrays['trials.carry']!.data, from * carrySize);
    this.#own(this.#job, member).set(arrays['trials.job']!.data);
    this.#own(this.#return, member).set(arrays['trials.return']!.data);
    this.#own(this.#next, member).set(arrays['trials.next']!.data);
    this.#own(this.#returns, member).set(arrays['trials.returns']!.data);
    const { data, shape } = arrays['trials.state']!;
    const [count, size] = shape as [number, number];
    for (let i = 0; i < count; i++) {
      this.#vector.setState(from + i, [...data.subarray(i * size, (i + 1) * size)]);
    }
    this.#hasBegun[member] = count > 0;
    if (this.#next[member] === 0) return;
    this.#generations[member] = this.#agent.evolutions[member]!.ask();
    for (let i = 0; i < environments; i++) this.#assign(member, from + i);
  }
}
