import type { EnvironmentEntry } from '../../envs/index.ts';
import { RandomStream } from '../../random/stream.ts';
import type { AgentState, Learner, Phases } from '../../training/agent.ts';
import { agentSpaces } from '../../training/agent-spaces.ts';
import { Collector } from '../../training/collector.ts';
import { type Batch, emptyBatch, type Replay } from '../../training/replay.ts';
import { Transitions } from '../../training/transitions.ts';
import type { HaSchmidhuberAgent } from './agent.ts';
import { phaseOf, updatesDue } from './phases.ts';
import type { HaSchmidhuberSettings } from './settings.ts';
import { Trials } from './trials.ts';

/**
 * Collects, and then, while the environment stands still, learns V, learns M and evolves C; and so on with what C collects.
 * Or evolves C in environments instead, which then never stand still again.
 *
 * Where all this stands follows from the environment steps and updates made, so that no state says it.
 */
export class HaSchmidhuberLearner implements Learner {
  /** Environment steps of a round: where candidates are tried in environments, those of all of them. */
  readonly environments: number;
  readonly phases: Phases;
  readonly #agent: HaSchmidhuberAgent;
  readonly #settings: HaSchmidhuberSettings;
  readonly #collector: Collector;
  readonly #experience: Transitions;
  /** Single observations, for V. */
  readonly #observations: Batch;
  /** Per member: which windows and observations are drawn. */
  readonly #samplers: RandomStream[];
  /** Where the controller is evolved in the environment. */
  readonly #trials: Trials | undefined;

  constructor(
    agent: HaSchmidhuberAgent,
    environment: EnvironmentEntry,
    seeds: readonly number[],
    settings: HaSchmidhuberSettings,
  ) {
    const spaces = agentSpaces(environment);
    const { replay, vae, randomHold, controller } = settings;
    this.#agent = agent;
    this.environments = controller.in === 'environment' ? controller.environments : 1;
    this.#settings = settings;
    this.#collector = new Collector(agent, environment, seeds, 1, randomHold);
    this.#experience = new Transitions(seeds.length, replay, spaces);
    this.#observations = emptyBatch(seeds.length, vae.batch, 1, spaces);
    this.#samplers = seeds.map((seed) => RandomStream.named(seed, 'replay'));
    this.#trials =
      controller.in === 'environment' ? new Trials(agent, environment, seeds, controller) : undefined;
    this.phases = {
      isDue: (step, update) => update < updatesDue(settings, step),
      learn: (_step, update) => this.#learn(update),
    };
  }

  async round(step: number): Promise<number> {
    if (step <= this.#settings.randomSteps) {
      // As many steps of one environment as candidates are going to take at once, side by side.
      for (let i = 0; i < this.environments; i++) this.#experience.remember(this.#collector.stepRandomly());
    } else if (this.#trials) await this.#trials.step();
    else this.#experience.remember(await this.#collector.step());
    return 0;
  }

  async #learn(update: number): Promise<void> {
    const phase = phaseOf(this.#settings, update);
    if (phase.name === 'vae') this.#agent.fitVae(this.#sampleObservations(), phase.made + 1);
    else if (phase.name === 'rnn') {
      this.#agent.fitRnn(this.#experience.sample(this.#samplers), phase.made + 1);
    } else {
      if (phase.index === 0) for (const evolution of this.#agent.evolutions) evolution.restart();
      await this.#agent.evolve(this.#dreamStarts());
    }
  }

  #sampleObservations(): Batch {
    for (const [member, replay] of this.#experience.replays.entries()) {
      replay.sample(this.#samplers[member]!, this.#observations, member);
    }
    return this.#observations;
  }

  /** Where the dreams of this generation begin, as real episodes have begun: [members × episodes × observation]. */
  #dreamStarts(): Float32Array {
    const { episodes } = this.#settings.controller;
    const own = this.#experience.replays.map((replay, member) => {
      const random = this.#agent.evolutions[member]!.stream('starts');
      const rows = firstRows(replay);
      const observations = replay.values('observation');
      const size = replay.observationSize;
      return Array.from({ length: episodes }, () => {
        const at = rows[random.integer(rows.length)]! * size;
        return Array.from({ length: size }, (_, i) => observations[at + i]!);
      });
    });
    return Float32Array.from(own.flat(2));
  }

  save(member: number): AgentState {
    const collected = this.#collector.save(member);
    return {
      arrays: {
        ...this.#experience.save(member),
        ...collected.arrays,
        ...this.#trials?.save(member),
      },
      streams: { ...collected.streams, replay: this.#samplers[member]!.state() },
    };
  }

  load(member: number, state: AgentState): void {
    this.#experience.load(member, state.arrays);
    this.#collector.load(member, state);
    this.#trials?.load(member, state.arrays);
    this.#samplers[member] = RandomStream.fromState(state.streams.replay!);
  }
}

/** The rows of a replay in which episodes start; all of them where the only such row has been overwritten. */
function firstRows(replay: Replay): number[] {
  const first = replay.values('first');
  const rows = Array.from({ length: replay.size }, (_, row) => row);
  const starts = rows.filter((row) => first[row] === 1);
  return starts.length > 0 ? starts : rows;
}
