import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import {
  drawMasked,
  litWeights,
  maskedAutoencodingLoss,
} from '../src/methods/dreamer4/masked-autoencoding.ts';
import {
  decode,
  encode,
  fromPatches,
  patchesOf,
  type TokenizerShape,
  tokenizerSpecs,
} from '../src/methods/dreamer4/tokenizer.ts';
import { ParameterLayout, Parameters } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { processorEngines } from './support/engine-here.ts';
import { LAYER_NAMES } from './support/layer-names.ts';
import { flat, type Nested, ofSecond, read, reference, second } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type Numbers = Record<string, Nested>;

interface TokenizerReference extends Record<string, Nested | Numbers> {
  params: Numbers;
  encoder: Numbers;
  decoder: Numbers;
  grad: Numbers;
  image: Nested;
  dropped: Nested;
  heads: number;
  cap: number;
}

/** The reference's names of our parameters; of a layer's those of its side. */
const NAMES: Record<string, string> = {
  'patch.weight': 'patch',
  'patch.bias': 'patch_bias',
  position: 'position',
  mask: 'mask_embedding',
  latents: 'latents',
  to_bottleneck: 'to_bottleneck',
  from_bottleneck: 'from_bottleneck',
  latent_position: 'latent_position',
  queries: 'queries',
  'out.weight': 'out',
  'out.bias': 'out_bias',
};

/** The shape of the reference's tokenizer. */
const shapeOf = ({ encoder, heads, cap }: TokenizerReference): TokenizerShape => ({
  ...{ image: [4, 4, 2], patch: 2, latents: 2, channels: 3, width: 6, layers: 1 },
  ...{ heads, scoreCap: cap, hidden: (encoder.gate as Nested[][])[0]!.length },
});

for (const engine of processorEngines) {
  describe(`on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('latents, reconstruction, loss and its gradient by every parameter are those of the reference', () => {
      const wanted = reference<TokenizerReference>('tokenizer.json', 'dreamer4');
      const shape = shapeOf(wanted);
      const names = tokenizerSpecs(shape).map(({ name }) => name);
      const given = (name: string): Nested => {
        const [, side, , ...part] = name.split('.');
        if (side === 'encoder' || side === 'decoder') return wanted[side][LAYER_NAMES[part.join('.')]!]!;
        return wanted.params[NAMES[name.replace('tokenizer.', '')]!]!;
      };
      tf.tidy(() => {
        const inputs = names.map((name) => second(given(name)));
        const of = (xs: readonly tf.Tensor[]) =>
          new Parameters(new Map(names.map((name, i) => [name, xs[i]!])));
        const images = second([flat(wanted.image)]);
        const masked = second([flat(wanted.dropped).map((x) => [x])]);
        const patches = patchesOf(shape, images);
        assertClose(ofSecond(patches), flat(wanted.patches as Nested), 1e-6, 'patches');
        assert.deepEqual(fromPatches(shape, patches).dataSync(), images.dataSync());
        const latents = encode(of(inputs), shape, patches, masked);
        assertClose(ofSecond(latents), flat(wanted.latents as Nested), 1e-5, 'latents');
        const reconstruction = decode(of(inputs), shape, latents);
        assertClose(ofSecond(reconstruction), flat(wanted.reconstruction as Nested), 1e-5, 'reconstruction');
        const loss = (...xs: tf.Tensor[]) =>
          tf.sum(
            tf.slice(maskedAutoencodingLoss(of(xs), shape, { images, masked, litWeight: undefined }), 1, 1),
          ) as tf.Scalar;
        const { value, grads } = tf.valueAndGrads(loss)(inputs);
        assertClose(value.dataSync(), [wanted.mse_all_patches as number], 1e-5, 'loss');
        for (const [i, name] of names.entries()) {
          const own = wanted.grad[NAMES[name.replace('tokenizer.', '')]!];
          if (own) assertClose(ofSecond(grads[i]!), flat(own), 1e-5, name);
        }
      });
    });

    test('a lit cell counts as much as its channel says, and a patch that is masked is not seen', () => {
      const shape: TokenizerShape = {
        ...{ image: [2, 4, 2], patch: 2, latents: 1, channels: 2, width: 4, heads: 1 },
        ...{ hidden: 3, layers: 1, scoreCap: 50 },
      };
      const layout = new ParameterLayout(tokenizerSpecs(shape));
      tf.tidy(() => {
        const parameters = layout.unpack(layout.initialise([RandomStream.named(1, 'a')]));
        const image = Float32Array.from({ length: 16 }, (_, i) => Number(i === 1 || i === 6));
        const images = tf.tensor(image, [1, 1, 16]);
        const masked = tf.tensor([0, 1], [1, 1, 2, 1]);
        const logits = fromPatches(
          shape,
          decode(parameters, shape, encode(parameters, shape, patchesOf(shape, images), masked)),
        ).dataSync();
        const wanted = [...logits].reduce((sum, logit, i) => {
          const weight = [3, 7][i % 2]!;
          const p = 1 / (1 + Math.exp(-logit) / weight);
          return sum - (image[i] ? weight * Math.log(p) : Math.log(1 - p));
        }, 0);
        const litWeight = tf.tensor1d([3, 7]);
        const loss = maskedAutoencodingLoss(parameters, shape, { images, masked, litWeight });
        assertClose(loss.dataSync(), [wanted / 16], 1e-5);
        // The second patch holds columns 2 and 3.
        const other = image.map((x, i) => (i % 8 >= 4 ? 1 - x : x));
        const seen = (values: Float32Array, hidden: tf.Tensor | undefined) =>
          encode(parameters, shape, patchesOf(shape, tf.tensor(values, [1, 1, 16])), hidden).dataSync();
        assert.deepEqual(seen(other, masked), seen(image, masked));
        assert.notDeepEqual(seen(other, undefined), seen(image, undefined));
      });
    });
  });
}

describe('the gradient', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('of the weighted cross entropy by every parameter is what differences give', () => {
    const shape: TokenizerShape = {
      ...{ image: [4, 2, 3], patch: 2, latents: 2, channels: 2, width: 4, heads: 2 },
      ...{ hidden: 3, layers: 2, scoreCap: 5 },
    };
    const layout = new ParameterLayout(tokenizerSpecs(shape));
    tf.tidy(() => {
      const flatWeights = layout.initialise([RandomStream.named(1, 'a'), RandomStream.named(2, 'a')]);
      const bits = tf.cast(tf.greater(upload(normals(1, 'bits', [2, 3, 24])), 0.5), 'float32');
      const masked = tf.cast(tf.greater(upload(normals(1, 'masked', [2, 3, 2, 1])), 0), 'float32');
      const litWeight = tf.tensor1d([1, 4, 20]);
      const loss = (x: tf.Tensor) =>
        maskedAutoencodingLoss(layout.unpack(x as tf.Tensor2D), shape, { images: bits, masked, litWeight });
      // Of every parameter a direction of its own: those of the others do not hide it.
      const gradient = read(tf.grad((x) => tf.sum(loss(x)))(flatWeights));
      const weights = read(flatWeights);
      const at = (step: number, direction: Float32Array) =>
        loss(
          tf.tensor(
            weights.map((x, i) => x + step * direction[i]!),
            flatWeights.shape,
          ),
        ).dataSync();
      let begin = 0;
      for (const [i, { name }] of layout.specs.entries()) {
        const direction = new Float32Array(weights.length);
        for (const member of [0, 1]) {
          const own = begin + member * layout.size;
          direction.set(normals(i, 'direction', [layout.sizes[i]!]).data, own);
        }
        begin += layout.sizes[i]!;
        const step = 4e-3;
        const [up, down] = [at(step, direction), at(-step, direction)];
        for (const member of [0, 1]) {
          const difference = (up[member]! - down[member]!) / (2 * step);
          const along = gradient
            .slice(member * layout.size, (member + 1) * layout.size)
            .reduce((sum, x, j) => sum + x * direction[member * layout.size + j]!, 0);
          assertClose([along], [difference], 2e-3, `${name} of member ${member}`);
        }
      }
    });
  });
});

test('each image has its own share of masked patches, from none up to the largest', () => {
  const masked = drawMasked(RandomStream.named(1, 'masks'), 2000, 25, 0.8);
  const shares = Array.from(
    { length: 2000 },
    (_, i) => masked.subarray(i * 25, (i + 1) * 25).reduce((sum, x) => sum + x, 0) / 25,
  );
  const mean = shares.reduce((sum, x) => sum + x, 0) / 2000;
  assert.ok(Math.abs(mean - 0.4) < 0.02, `${mean}`);
  // Of U(0, 0.8) with the draws of 25 patches: 0.8² / 12 + (0.4 − 0.8² / 3) / 25
  const variance = shares.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 2000;
  assert.ok(Math.abs(variance - 0.0608) < 0.006, `${variance}`);
  assert.ok(shares.filter((share) => share === 0).length > 40);
  assert.ok(drawMasked(RandomStream.named(1, 'masks'), 50, 25, 0).every((x) => x === 0));
});

test('lit cells weigh as much together as all cells of their channel would unweighted', () => {
  const weights = litWeights([Uint8Array.of(1, 0, 0, 0, 0, 0), Uint8Array.of(1, 0, 0, 1, 1, 0)], 3);
  // Two cells of three channels each, twice: 3 and 1 of 4 are lit, and none.
  assert.deepEqual([...weights], [...Float32Array.of(4 / 3, 4, 1)]);
});
