import type { NoiseDistribution, NoiseFiller } from '../../random/noise-filler.ts';
import type { NativeBackend } from './backend.ts';

const kernels: Readonly<Record<NoiseDistribution, string>> = {
  normal: 'NormalNoise',
  gumbel: 'GumbelNoise',
  uniform: 'UniformNoise',
};

/** Noise by the addon's kernels. */
export function noiseFiller(backend: NativeBackend): NoiseFiller {
  const drawn = new Int32Array(1);
  const room = new Float64Array(1);
  return (distribution, state, numbers) => {
    room[0] = numbers.length;
    backend.addon.executeOn(backend.kernel(kernels[distribution]), [state, drawn, numbers], room);
    return drawn[0]!;
  };
}
