import { ENSEMBLE_TERMS } from '../../models/ensemble/fit.ts';
import { mean } from '../../statistics.ts';
import type { Row } from '../../training/events.ts';
import { LOSS_TERMS as VALUE_TERMS } from '../dqn/update.ts';

const planned = (term: string) => `planned_${term}`;
const ofModel = (term: string) => (term === 'loss' ? 'model' : `model_${term}`);

/** The terms of losses.csv, in order: of the values' update on real transitions, of those on the model's, of the model's own. */
export const LOSS_TERMS = [...VALUE_TERMS, ...VALUE_TERMS.map(planned), ...ENSEMBLE_TERMS.map(ofModel)];

/**
 * One row for each update, of the rows of its parts: the real update of the values, the means over the planned ones, and
 * the model's.
 *
 * @param values [updates · (1 + planning updates)][member]
 * @param model [updates][member], or nothing where no model is learnt
 * @returns [updates][member]
 */
export function joinRows(
  values: readonly Row[][],
  model: readonly Row[][],
  planningUpdates: number,
): Row[][] {
  const each = 1 + planningUpdates;
  return Array.from({ length: values.length / each }, (_, update) => {
    const [real, ...imagined] = values.slice(update * each, (update + 1) * each) as [Row[], ...Row[][]];
    return real.map((row, member) => ({
      ...row,
      ...Object.fromEntries(
        VALUE_TERMS.map((term) => [
          planned(term),
          mean(imagined.map((rows) => rows[member]![term]!)) ?? null,
        ]),
      ),
      ...Object.fromEntries(
        ENSEMBLE_TERMS.map((term) => [ofModel(term), model[update]?.[member]?.[term] ?? null]),
      ),
    }));
  });
}
