import type { SearchedModel } from '../../src/planning/mcts/search.ts';
import type { Rows } from '../../src/planning/mcts/tree.ts';

/** A deterministic model as tables: a state is its number. */
export interface TableModel {
  /** States and actions. */
  S: number;
  A: number;
  /** [state][action] each */
  next: number[][];
  reward: number[][];
  /** 0 where the step ends the episode */
  discount: number[][];
  logits: number[][];
  value: number[];
}

/** The model as a search asks it, in float64; its calls are counted. */
export function searchedTable(
  table: TableModel,
): SearchedModel & { roots(states: number[]): Rows; calls: number } {
  /** What a row says of a state, and of the step that led to it. */
  const row = (state: number, reward = 0, discount = 0): number[] => [
    ...[state, ...table.logits[state]!, table.value[state]!],
    ...[reward, discount],
  ];
  const model = {
    latentSize: 1,
    actions: table.A,
    calls: 0,
    roots: (states: number[]) => Float64Array.from(states.flatMap((state) => row(state))),
    step: async (latents: Float32Array, actions: Int32Array) => {
      model.calls++;
      const found = [...latents].flatMap((state, i) => {
        const from = (of: number[][]) => of[state]![actions[i]!]!;
        return row(from(table.next), from(table.reward), from(table.discount));
      });
      return Float64Array.from(found);
    },
  };
  return model;
}
