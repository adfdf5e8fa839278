import type { AgentState, Member } from './agent.ts';
import type { AgentSpaces } from './agent-spaces.ts';
import type { Row } from './events.ts';
import type { Sequences } from './replay.ts';
import type { TrainingState } from './training-state.ts';

/**
 * What agents do alike that keep weights, streams and loss terms in a `TrainingState`: an agent's own file then holds what
 * is its own.
 */
export abstract class StatefulAgent<Settings, Weights, Stream extends string, Term extends string> {
  protected readonly members: readonly Member<Settings>[];
  /** One per member. */
  protected readonly seeds: readonly number[];
  /** The first member's: all agree in what fixes a shape. */
  protected readonly settings: Settings;
  protected readonly spaces: AgentSpaces;
  protected abstract readonly state: TrainingState<Weights, Stream, Term>;

  constructor(members: readonly Member<Settings>[], spaces: AgentSpaces) {
    this.members = members;
    this.seeds = members.map(({ seed }) => seed);
    this.settings = members[0]!.settings;
    this.spaces = spaces;
  }

  drainLosses(): Promise<Row[][]> {
    return this.state.drainLosses();
  }

  save(): Promise<AgentState[]> {
    return this.state.save();
  }

  load(states: readonly AgentState[]): void {
    this.state.load(states);
  }

  /** Frees the state. What an agent has on the engine besides, it frees first. */
  dispose(): void {
    this.state.dispose();
  }
}

/** An agent without a model: there is nothing to diagnose, and the policy that is trained is the one that is evaluated. */
export abstract class ModelFreeAgent<
  Settings,
  Weights,
  Stream extends string,
  Term extends string,
> extends StatefulAgent<Settings, Weights, Stream, Term> {
  readonly diagnostics = [];
  readonly hasOnePolicy = true;

  async diagnose(_heldOut: () => Sequences, own: readonly Sequences[]): Promise<Row[]> {
    return own.map(() => ({}));
  }
}
