/**
 * When the fit of an ensemble ends: once no network's held-out error has fallen by a share of its least so far for
 * `patience` passes in a row. The least is of passes that counted, as in mbrl-lib: small gains, pass after pass, add up
 * until they count. The authors keep for each network the least of the passes that counted for it alone.
 */
export class EarlyStopping {
  readonly #improvement: number;
  readonly #patience: number;
  #least: Float32Array | undefined;
  #idle = 0;

  /**
   * @param improvement share by which an error must fall
   * @param patience passes in a row that may not count
   */
  constructor({ improvement, patience }: { improvement: number; patience: number }) {
    this.#improvement = improvement;
    this.#patience = patience;
  }

  get isOver(): boolean {
    return this.#idle >= this.#patience;
  }

  /**
   * Takes note of a pass.
   *
   * @param errors held-out, of each network
   * @returns whether it counts: some network's error has fallen by enough, or the pass is the first
   */
  counts(errors: Float32Array): boolean {
    const least = this.#least;
    const counted =
      !least ||
      errors.some((error, network) => least[network]! - error > this.#improvement * least[network]!);
    if (counted)
      this.#least = least ? least.map((before, i) => Math.min(before, errors[i]!)) : errors.slice();
    this.#idle = counted ? 0 : this.#idle + 1;
    return counted;
  }
}
