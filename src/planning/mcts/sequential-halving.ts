/**
 * Sequential halving (Karnin et al. 2013) as Gumbel MuZero uses it, as a table: the count of visits that a candidate must
 * have to be the one of each simulation. In every of ⌈log₂ m⌉ rounds all candidates left get as many visits, then the
 * worse half is dropped; two are never fewer.
 *
 * @param candidates m, with one the counts go up one by one
 * @returns [simulations]
 */
export function consideredVisits(candidates: number, simulations: number): Int32Array {
  const table = new Int32Array(simulations);
  if (candidates <= 1) return table.map((_, i) => i);
  const rounds = Math.ceil(Math.log2(candidates));
  const visits = new Int32Array(candidates);
  let left = candidates;
  for (let at = 0; at < simulations; ) {
    const each = Math.max(1, Math.floor(simulations / (rounds * left)));
    for (let pass = 0; pass < each; pass++) {
      // What is beyond the table's end is not stored.
      for (let i = 0; i < left; i++) table[at++] = visits[i]!++;
    }
    left = Math.max(2, Math.floor(left / 2));
  }
  return table;
}
