import type { Row } from '../training/events.ts';
import type { Sequences } from '../training/replay.ts';
import { StatefulAgent } from '../training/stateful-agent.ts';
import { diagnoseAfter, type MeasuredModel } from './diagnostics.ts';
import type { States } from './world-model.ts';

/** An agent that learns a world model, which is measured as every other is. */
export abstract class ModelAgent<
  Settings,
  Weights,
  Stream extends string,
  Term extends string,
  State extends States,
> extends StatefulAgent<Settings, Weights, Stream, Term> {
  /** The models of so many members from one on, as they are trained, to be measured. */
  protected abstract measured(from: number, members: number): MeasuredModel<State>;

  /** What is measured of each member beside its model, after its own number of steps, with its own episodes. */
  protected async measuredBeside(_own: readonly Sequences[], _steps: readonly number[]): Promise<Row[]> {
    return [];
  }

  async diagnose(
    heldOut: () => Sequences,
    own: readonly Sequences[],
    steps: readonly number[],
  ): Promise<Row[]> {
    const measured = (from: number, members: number) => this.measured(from, members);
    const rows = await diagnoseAfter(steps, this.seeds, measured, this.spaces, heldOut(), own);
    const beside = await this.measuredBeside(own, steps);
    return rows.map((row, member) => ({ ...row, ...beside[member] }));
  }
}
