/** The names that the references of Dreamer 4 have for a transformer layer's parameters, by ours. */
export const LAYER_NAMES: Readonly<Record<string, string>> = {
  'attention_norm.gain': 'norm1',
  'query.weight': 'q',
  'key.weight': 'k',
  'value.weight': 'v',
  'query_norm.gain': 'qnorm',
  'key_norm.gain': 'knorm',
  'attended.weight': 'o',
  'feed_forward_norm.gain': 'norm2',
  'gate.weight': 'gate',
  'up.weight': 'up',
  'down.weight': 'down',
};
