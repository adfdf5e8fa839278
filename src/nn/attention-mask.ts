/** Which keys each query may look at. */
export interface AttentionMask {
  queries: number;
  keys: number;
  /** 1 where it may: [queries, keys] */
  allowed: Uint8Array;
}

/** A mask by a rule over indices. Throws a RangeError where a query may look at nothing. */
export function attentionMask(
  queries: number,
  keys: number,
  allows: (query: number, key: number) => boolean,
): AttentionMask {
  const allowed = new Uint8Array(queries * keys);
  for (let query = 0; query < queries; query++) {
    for (let key = 0; key < keys; key++) allowed[query * keys + key] = Number(allows(query, key));
    if (!allowed.subarray(query * keys, (query + 1) * keys).includes(1)) {
      throw new RangeError(`query ${query} may look at nothing`);
    }
  }
  return { queries, keys, allowed };
}

/** What a block-causal mask goes by. */
export interface BlockCausal {
  /** Frames. */
  time: number;
  /** Tokens of each frame. */
  lanes: number;
  /** Whether the last lane is the agent's, which looks at all and is looked at by itself alone. Default: false. */
  agent?: boolean;
  /** Frames that a token sees, its own among them. Default: all up to its own. */
  window?: number;
}

/**
 * Block-causal attention over frames of tokens (Hafner et al. 2025, arXiv 2509.24527, section 3.4): a token sees its own
 * frame and those before. With one frame it is attention over space, with one lane over time.
 *
 * @returns over time · lanes tokens, those of a frame side by side
 */
export function blockCausalMask({ time, lanes, agent = false, window = time }: BlockCausal): AttentionMask {
  const count = time * lanes;
  return attentionMask(count, count, (query, key) => {
    const apart = Math.floor(query / lanes) - Math.floor(key / lanes);
    const isSeen = !agent || key % lanes !== lanes - 1 || query % lanes === lanes - 1;
    return apart >= 0 && apart < window && isSeen;
  });
}

/**
 * Attention inside a frame of a tokenizer, its latents before its patches (section 3.1). In the encoder latents see all and
 * patches each other; in the decoder patches see all and latents each other.
 */
export const tokenizerMask = (latents: number, patches: number, side: 'encoder' | 'decoder'): AttentionMask =>
  attentionMask(latents + patches, latents + patches, (query, key) => {
    const [ofLatents, toLatents] = [query < latents, key < latents];
    return ofLatents === toLatents || ofLatents === (side === 'encoder');
  });
