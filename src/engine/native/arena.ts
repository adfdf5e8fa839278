/** A piece of memory that is needed for some steps. */
export interface Need {
  bytes: number;
  /** The first step that needs it, and the last. */
  from: number;
  to: number;
}

/** A cache line: pieces begin at multiples of it. */
const LINE = 64;

/**
 * Where each piece stands in one arena, so that no two overlap in memory and time, the largest first, each as low as
 * it can (Pisarchyk & Lee 2020, "greedy by size").
 *
 * @returns an offset for each, and the arena's bytes
 */
export function layOut(needs: readonly Need[]): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(needs.length);
  const placed: { begin: number; end: number; need: Need }[] = [];
  const order = needs.map((_, i) => i).sort((i, j) => needs[j]!.bytes - needs[i]!.bytes || i - j);
  for (const i of order) {
    const need = needs[i]!;
    const room = Math.ceil(need.bytes / LINE) * LINE;
    let offset = 0;
    for (const { begin, end, need: other } of placed) {
      if (other.to < need.from || need.to < other.from) continue;
      if (offset + room <= begin) break;
      offset = Math.max(offset, end);
    }
    offsets[i] = offset;
    placed.push({ begin: offset, end: offset + room, need });
    placed.sort((a, b) => a.begin - b.begin);
  }
  return { offsets, bytes: Math.max(0, ...placed.map(({ end }) => end)) };
}
