import type { EnvironmentEntry } from '../envs/index.ts';
import type { Actor } from './acting.ts';
import type { AgentSpaces } from './agent-spaces.ts';
import type { EpisodeLog } from './episode-log.ts';
import type { Row } from './events.ts';
import type { GradientFlow } from './gradient-flow.ts';
import type { RecordedEpisodes } from './recorded-episodes.ts';
import type { Sequences } from './replay.ts';
import type { NamedArray } from './state.ts';
import type { TrainingCost } from './training-cost.ts';
import type { UpdateFlops } from './update-parts.ts';

/** One update of one member, laid open. */
export interface InspectedUpdate {
  /** What it learnt from, by name. */
  batch: Record<string, NamedArray>;
  /** Its loss terms. */
  terms: Row;
  /** Every parameter with its values before the update and the gradient before clipping. */
  parameters: { name: string; weights: Float32Array; gradient: Float32Array }[];
}

/** What a method's state is made of, one member's part: see `MemberState`. */
export interface AgentState {
  arrays: Record<string, NamedArray>;
  streams: Record<string, number[]>;
}

/**
 * What a method gives the training loop: how it acts, what it reports, and how it learns. All members ride on the
 * leading axis of every array and none influences another. An agent knows nothing of files, workers or evaluation.
 */
export interface Agent extends Actor {
  /** Names of the terms that an update reports, in order: columns of losses.csv. */
  readonly lossTerms: readonly string[];
  /** Names of the model's own metrics, in order: columns of metrics.csv. */
  readonly diagnostics: readonly string[];

  /** Whether its learner keeps a log of the episodes of training: rows of training-episodes.csv. Absent: it does not. */
  readonly logsEpisodes?: boolean;

  /** Whether the policy that is trained is the averaged one too, and need not be evaluated twice. */
  readonly hasOnePolicy?: true;

  /** Told the environment steps each member has taken before it acts in the next one; for exploration that goes by them. */
  aboutToCollect?(step: number): void;

  /**
   * Begins to learn in an environment, every member from an episode's start; the weights stay the agent's.
   *
   * @param data what a method learns from that does not act while it learns; absent for all others
   */
  learner(environment: EnvironmentEntry, data?: RecordedEpisodes): Learner;

  /** The loss terms of every update since the last call, oldest first: rows[update][member]. */
  drainLosses(): Promise<Row[][]>;

  /** What is amiss with learning by a row of losses.csv, a phrase; undefined: nothing. Absent in a method that cannot tell. */
  cautionOf?(losses: Row): string | undefined;

  /** Names of what `describeLatents` measures: columns of losses.csv. Absent in a method without a latent space. */
  readonly latentTerms?: readonly string[];
  /** How the latent space stands, one row per member: the batch of the last update, with the weights after it. */
  describeLatents?(): Promise<Row[]>;

  /** Measures the gradients of some updates, once it is told to. Absent in a method without a critic that can shape a model. */
  readonly gradientFlow?: Pick<GradientFlow<object>, 'start' | 'drain'>;

  /** Lays the next update open, that of the first member. Absent in a method that cannot be looked into. */
  inspectUpdate?(): Promise<InspectedUpdate>;

  /**
   * Measures the model of each member after its own number of steps; one row per member, keyed by `diagnostics`.
   *
   * @param heldOut gives the fixed held-out set, the same for all members; whoever is not measured on it spares its making
   * @param own each member's own evaluation episodes
   * @param steps behind each member
   */
  diagnose(heldOut: () => Sequences, own: readonly Sequences[], steps: readonly number[]): Promise<Row[]>;

  /** Told the episodes that it learns from, of which it is measured on those held out. Absent: it is measured on what `diagnose` is given. */
  measureOn?(data: RecordedEpisodes): void;

  /** Each member's weights, moments and streams. */
  save(): Promise<AgentState[]>;
  /** Takes over what `save` gave, one state per member. */
  load(states: readonly AgentState[]): void;
  dispose(): void;
}

/**
 * How a method gathers experience and learns from it, all members side by side: what it acts in, what it remembers, and
 * when it updates its agent. One that learns from recorded episodes acts in nothing: the steps of its run are its rounds.
 */
export interface Learner {
  /** Environments that each member acts in: the environment steps that a round takes. 0: none, and a round is one step. */
  readonly environments: number;
  /** The episodes of training, in a method that logs them. */
  readonly episodes?: EpisodeLog;

  /**
   * One step in every environment, then the gradient updates that are due.
   *
   * @param step steps each member has taken, those of this round included
   * @param update gradient updates made before this round
   * @returns gradient updates made in this round, as many for every member; mostly none
   */
  round(step: number, update: number): Promise<number>;

  /** Absent where all updates are made in rounds. */
  readonly phases?: Phases;

  /**
   * Whether the round that takes step `step` can be made now; waits for it, a moment. Absent where environments wait for
   * the learner.
   */
  hasStep?(step: number): Promise<boolean>;

  /** What is measured of learning itself since the call before, for metrics.csv. Absent: nothing. */
  drainMeasures?(): Row;

  /** One member's environments, experience and streams. The arrays may be views: write them before the next round. */
  save(member: number): AgentState;
  /** Takes over what `save` gave. */
  load(member: number, state: AgentState): void;
}

/**
 * Updates that are made one by one between two rounds, while the environments stand still: a method that learns in phases
 * has thousands of them in a row, and a run may be stopped at any. An evaluation at such a step waits until they are made.
 */
export interface Phases {
  /** Whether one is due after so many environment steps of each member and so many updates. */
  isDue(step: number, update: number): boolean;
  /** Makes the one that is due. */
  learn(step: number, update: number): Promise<void>;
}

/** One seed with its own hyper-parameters; members that ride together agree in every setting that fixes a shape. */
export interface Member<Settings> {
  seed: number;
  settings: Settings;
}

/** What a method's folder exports. */
export interface Method<Settings, Made extends Agent = Agent> {
  create(members: readonly Member<Settings>[], spaces: AgentSpaces): Made;
  /** What an update cannot do without, counted from the shapes of its matrix products. Absent where nobody has counted. */
  updateFlops?(settings: Settings, spaces: AgentSpaces): UpdateFlops;
  /** What training takes. Absent where nobody has counted. */
  trainingCost?(settings: Settings, spaces: AgentSpaces): TrainingCost;
}
