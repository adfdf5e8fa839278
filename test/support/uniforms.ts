/**
 * What a categorical variable is sampled with by inversion so that it takes given classes: the middle of each class's part
 * of [0, 1).
 *
 * @param logP [variables × classes]
 * @param indices the classes: [variables]
 * @returns [variables]
 */
export function uniformsOf(logP: readonly number[], indices: readonly number[]): number[] {
  const classes = logP.length / indices.length;
  return indices.map((index, variable) => {
    const p = logP.slice(variable * classes, variable * classes + index + 1).map(Math.exp);
    return p.reduce((sum, x) => sum + x, 0) - p.at(-1)! / 2;
  });
}

/** The classes of one-hot vectors. */
export const indicesOf = (oneHot: readonly number[], classes: number): number[] =>
  oneHot.flatMap((x, i) => (x === 1 ? [i % classes] : []));
