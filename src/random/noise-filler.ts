/** The distributions that arrays are filled from. */
export type NoiseDistribution = 'normal' | 'gumbel' | 'uniform';

/**
 * Draws numbers from where a stream stands faster than JavaScript does, with the same bits, as many from the first on
 * as it is sure of.
 *
 * @param state of the stream, four int32; moved on past what was drawn
 * @param numbers to be filled
 * @returns how many were drawn: an even number, as normals come in pairs
 */
export type NoiseFiller = (
  distribution: NoiseDistribution,
  state: Int32Array,
  numbers: Float32Array,
) => number;

let filler: NoiseFiller | null = null;

/** Has streams fill arrays by `fill`, an engine's offer; by themselves where it is null. */
export function fillNoiseBy(fill: NoiseFiller | null): void {
  filler = fill;
}

/** What streams fill arrays by. */
export const presentFiller = (): NoiseFiller | null => filler;
