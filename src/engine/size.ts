/** Product of extents. */
export const size = (extents: readonly number[]): number => extents.reduce((product, n) => product * n, 1);
