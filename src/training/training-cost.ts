/** How far a seed's training has come. */
export interface TrainedSoFar {
  /** Environment steps. */
  steps: number;
  updates: number;
}

/** What a method's training takes, counted from the shapes of its networks. */
export interface TrainingCost {
  /** Trained numbers of all networks that act or learn; averaged copies of them and what an optimizer keeps are none. */
  parameters: number;
  /**
   * Flops of the matrix products of one seed's training, what acts in the environment counted and evaluations not. Absent
   * where they depend on what a run comes across, and no bound says much.
   */
  flops?(run: TrainedSoFar): number;
  /** Whether those are an upper bound: of work that may end early. */
  isBound?: boolean;
}

/** Of a method that acts at random for some steps, and makes updates that are all alike. */
export const steadyCost = (
  parameters: number,
  update: number,
  action: number,
  { randomSteps }: { randomSteps: number },
): TrainingCost => ({
  parameters,
  flops: ({ steps, updates }) => updates * update + Math.max(0, steps - randomSteps) * action,
});
