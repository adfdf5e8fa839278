import type { Experiment } from '../config/schema.ts';
import type { CsvLog, CsvRow } from '../runs/csv.ts';
import type { MediaFolder } from '../runs/media-folder.ts';
import type { DoneInfo } from '../runs/records.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import type { Agent, AgentState } from '../training/agent.ts';
import { episodeColumns, episodesDrained } from '../training/episode-log.ts';
import type { Row } from '../training/events.ts';
import { FLOW_NAMES, type FlowRow, flowColumns } from '../training/gradient-flow.ts';
import { lossColumns } from '../training/loss-log.ts';
import type { MemberState } from '../training/state.ts';
import { isEvaluated, metricColumns } from '../training/train.ts';

/** One seed's folder while it is trained: where it stands, its rows and checkpoints, and when it has had enough. */
export class SeedRecord {
  readonly seed: number;
  readonly folder: SeedFolder;
  /** Where it stands at first; undefined for the start. */
  readonly state: MemberState | undefined;
  readonly #metrics: CsvLog;
  readonly #losses: CsvLog;
  /** Of a method that logs the episodes of training. */
  readonly #episodes: CsvLog | undefined;
  /** Where some updates' gradients are measured. */
  readonly #gradients: CsvLog<CsvRow> | undefined;
  readonly #media: MediaFolder;
  readonly #stopWhen: Experiment['stopWhen'];
  /** Seconds of training so far, summed over all sittings. */
  readonly #wallSeconds: () => number;
  /** `reward_mean` of every evaluation, oldest first. */
  readonly #rewards: number[];
  /** Whether the last evaluation, which no checkpoint holds yet, is the best so far. */
  #bestDue = false;

  /**
   * Opens the folder, or makes it, and drops the rows and pictures that will be written again or that do not stand in a run of this
   * length: an evaluation at the end of a shorter one.
   *
   * @param seconds since training began in this process
   * @throws UserError when something in it is damaged or cannot be written.
   */
  constructor(runDir: string, seed: number, experiment: Experiment, agent: Agent, seconds: () => number) {
    this.seed = seed;
    this.folder = new SeedFolder(runDir, seed);
    const checkpoint = this.folder.resumeCheckpoint();
    this.state = checkpoint?.state;
    this.#metrics = this.folder.openMetrics(metricColumns(agent, experiment.realTime !== undefined));
    this.#losses = this.folder.openLosses(lossColumns(agent));
    const { step, update, evaluationDue } = this.state ?? { step: 0, update: 0, evaluationDue: false };
    const written = (at: number) => at < step || (at === step && !evaluationDue);
    const stands = (at: number) => written(at) && isEvaluated(experiment, at);
    const rows = this.#metrics.keep(stands);
    // At one step several updates may be made: in real time, in a phase of its own.
    const made = (_: number, row: CsvRow) => Number(row.update) <= update;
    this.#losses.keep(made);
    if (agent.logsEpisodes) {
      this.#episodes = this.folder.openEpisodes(episodeColumns);
      const drained = episodesDrained(this.state);
      this.#episodes.keep((at) => at <= drained);
    }
    if (experiment.gradients) {
      this.#gradients = this.folder.openGradients(flowColumns, FLOW_NAMES);
      this.#gradients.keep(made);
    }
    this.#media = this.folder.media(experiment.evaluation.every);
    this.#media.keep(stands);
    this.#rewards = rows.flatMap(({ reward_mean }) => reward_mean ?? []);
    this.#stopWhen = experiment.stopWhen;
    this.#wallSeconds = () => (checkpoint?.wallSeconds ?? 0) + seconds();
  }

  /** Whether the last evaluations were as good as `stopWhen` asks for. */
  get metStopWhen(): boolean {
    if (!this.#stopWhen) return false;
    const { reward, evaluations } = this.#stopWhen;
    const last = this.#rewards.slice(-evaluations);
    return last.length === evaluations && last.every((each) => each >= reward);
  }

  /** Whether the next checkpoint is to be kept as that of the best evaluation too. */
  get bestDue(): boolean {
    return this.#bestDue;
  }

  appendLosses(row: Row): void {
    this.#losses.append({ seed: this.seed, ...row });
  }

  appendGradients(rows: readonly FlowRow[]): void {
    this.#gradients?.append(...rows.map((row) => ({ seed: this.seed, ...row })));
  }

  appendEpisodes(rows: readonly Row[]): void {
    this.#episodes?.append(...rows.map((row) => ({ seed: this.seed, ...row })));
  }

  /** Writes the picture of the evaluation that is about to be appended: after a kill between the two, it is made again. */
  writePicture(step: number, svg: string): void {
    this.#media.write(step, svg);
  }

  appendEvaluation(row: Row): void {
    this.#metrics.append({ seed: this.seed, wall_seconds: this.#wallSeconds(), ...row });
    const reward = row.reward_mean ?? Number.NEGATIVE_INFINITY;
    this.#bestDue = this.#rewards.every((earlier) => reward > earlier);
    this.#rewards.push(reward);
  }

  /**
   * Writes a checkpoint, the best evaluation's before it: after a kill between the two, the evaluation is made again and
   * is the best again.
   *
   * @param played what plays the last evaluation again, where that is the best so far
   * @param permit see `SeedFolder.writeCheckpoint`
   */
  writeCheckpoint(state: MemberState, played: AgentState | undefined, permit: () => void): void {
    const wallSeconds = this.#wallSeconds();
    if (played && this.#bestDue) {
      this.folder.writeBest({ state: { ...state, ...played }, wallSeconds }, permit);
    }
    this.#bestDue = false;
    this.folder.writeCheckpoint({ state, wallSeconds }, permit);
  }

  /** Marks the seed as finished; to be called after everything else is written. */
  markDone(ended: Omit<DoneInfo, 'end' | 'wallSeconds' | 'metStopWhen'>): void {
    const metStopWhen = this.#stopWhen && { metStopWhen: this.metStopWhen };
    this.folder.markDone({ ...ended, wallSeconds: this.#wallSeconds(), ...metStopWhen });
  }
}
