import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cartPoleDrawing } from '../src/envs/cartpole.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { Camera, type Pixels } from '../src/envs/pixels.ts';
import { discRegion, stretched } from '../src/envs/raster.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { heldOutSet } from '../src/training/held-out.ts';

const within = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const SIZE = 64;
const camera = new Camera(cartPoleDrawing, SIZE);
/** Metres that a column of pixels shows. */
const column = cartPoleDrawing.view.width / SIZE;
const picture = (x: number, theta: number) => camera.picture([x, 0, theta, 0]);
/** Σ (a − b)², of brightness from 0 to 1. */
const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, i) => sum + ((value - b[i]!) / 255) ** 2, 0);

test('a cart and its pole are drawn as they were once, in 16 × 16 pixels', () => {
  // Brightness in 26 steps, a to z; nothing is a point.
  const shown = [...new Camera(cartPoleDrawing, 16).picture([0.5, 0, 0.15, 0])].map((value) =>
    value === 0 ? '.' : String.fromCharCode(97 + Math.floor(value / 10)),
  );
  const rows = Array.from({ length: 16 }, (_, row) => shown.slice(16 * row, 16 * (row + 1)).join(''));
  assert.deepEqual(rows, [
    '................',
    '................',
    '.........aa.....',
    '.........dc.....',
    '.........fb.....',
    '.........ga.....',
    '.........g......',
    '.........g......',
    '.........g......',
    '.........g......',
    '.........g......',
    'a.......anb....a',
    'abbbbbbbcqdbbbba',
    'a.......aib....a',
    '................',
    '................',
  ]);
});

test('the picture of a mirrored state is the mirrored picture, and that of a cart a pixel away moves with it', () => {
  fc.assert(
    fc.property(within(-2, 2), within(-0.2, 0.2), within(-1, 1), (x, theta, speed) => {
      const [here, there] = [picture(x, theta), picture(-x, -theta)];
      for (let at = 0; at < here.length; at++) {
        const mirrored = SIZE * Math.floor(at / SIZE) + SIZE - 1 - (at % SIZE);
        assert.ok(Math.abs(here[at]! - there[mirrored]!) <= 1);
      }
      assert.deepEqual(camera.picture([x, speed, theta, -speed]), here, 'a picture tells no speed');
      // Above the track, which stands still.
      const moved = picture(x + column, theta);
      for (let at = 0; at < SIZE * 40; at++) {
        if (at % SIZE > 0) assert.ok(Math.abs(moved[at]! - here[at - 1]!) <= 1);
      }
    }),
    { seed: 1, numRuns: 40 },
  );
});

test('less than a tenth of a pixel of the cart, and a third of a degree of the pole, change what is seen', () => {
  fc.assert(
    fc.property(within(-2.3, 2.3), within(-0.2, 0.2), (x, theta) => {
      const here = picture(x, theta);
      // A step at 0.3 m/s and at 0.3 rad/s.
      assert.ok(difference(picture(x + 0.006, theta), here) > 0.005, 'the cart');
      assert.ok(difference(picture(x, theta + 0.006), here) > 0.002, 'the pole');
      // A fifth of a second of them.
      assert.ok(difference(picture(x + 0.06, theta), here) > 1, 'the cart, later');
      assert.ok(difference(picture(x, theta + 0.06), here) > 0.5, 'the pole, later');
    }),
    { seed: 1, numRuns: 40 },
  );
});

test('a stretched region lies where each of its points is put', () => {
  const disc = stretched(discRegion([2, 3], 1), 4, 10);
  assert.deepEqual([disc.top, disc.bottom], [20, 40]);
  const spans: [number, number][] = [];
  disc.spans(30, (from, to) => spans.push([from, to]));
  assert.deepEqual(spans, [[4, 12]]);
});

test('frames are the pictures of the last steps, the newest last, at first all the same', () => {
  for (const frames of [1, 2, 3]) {
    const entry = environmentEntry('CartPole-v1', { pixels: { size: 16, frames } });
    const environment = entry.make() as Pixels;
    const plain = environmentEntry('CartPole-v1').make();
    const small = new Camera(cartPoleDrawing, 16);
    const first = environment.reset(RandomStream.named(1, 'start'));
    const seen = [plain.reset(RandomStream.named(1, 'start'))];
    const stack = () =>
      Array.from({ length: frames }, (_, i) => small.picture(seen.at(-1 - i) ?? seen[0]!)).reverse();
    const channels = (observation: Float32Array) =>
      Array.from({ length: frames }, (_, frame) =>
        Uint8Array.from(observation.filter((_, i) => i % frames === frame)),
      );
    assert.deepEqual(channels(first), stack());
    for (let step = 0; step < 12; step++) {
      const result = environment.step(step % 2);
      const expected = plain.step(step % 2);
      seen.push(expected.observation);
      assert.deepEqual(channels(result.observation), stack());
      assert.deepEqual(environment.shown, expected.observation);
      assert.deepEqual({ ...result, observation: 0 }, { ...expected, observation: 0 });
      const copy = entry.make();
      assert.deepEqual(copy.setState(environment.state()), result.observation);
      assert.deepEqual(copy.state(), environment.state());
    }
    assert.equal(environment.state().length, 5 + 4 * (frames - 1));
  }
});

test('the held-out set is that of the numbers behind the pictures, in bytes', () => {
  const plain = heldOutSet(environmentEntry('CartPole-v1'));
  const entry = environmentEntry('CartPole-v1', { pixels: { size: 16, frames: 1 } });
  const { observation, nextObservation, action, terminated } = heldOutSet(entry);
  assert.deepEqual([action, terminated], [plain.action, plain.terminated]);
  assert.ok(observation instanceof Uint8Array && nextObservation instanceof Uint8Array);
  const { image, bytes, observationScale, ownElements } = agentSpaces(entry);
  assert.deepEqual([image, bytes, ownElements], [[16, 16, 1], true, undefined]);
  assert.ok(observationScale.length === 256 && observationScale.every((scale) => scale === 255));
  const small = new Camera(cartPoleDrawing, 16);
  for (const at of [0, 1, 5000, 9599]) {
    const shown = (values: ArrayLike<number>, size: number) =>
      Array.from({ length: size }, (_, i) => values[at * size + i]!);
    assert.deepEqual(shown(nextObservation, 256), [...small.picture(shown(plain.nextObservation, 4))]);
  }
  assert.throws(() => entry.controller(observation), /no picture/);
});

test('what is seen is drawn as its own pixels, in sixteen greys, and so is what is no number', () => {
  const { make, drawing } = environmentEntry('CartPole-v1', { pixels: { size: 16, frames: 2 } });
  const environment = make();
  const first = environment.reset(RandomStream.named(2, 'start'));
  const shapes = drawing!.draw(first);
  const drawn = new Float32Array(256);
  for (const { form, ink } of shapes) {
    if (form.kind !== 'cells') assert.equal(ink, 0);
    else for (const [x, y] of form.cells) drawn[(15 - y) * 16 + x] = ink as number;
  }
  for (const [i, brightness] of drawn.entries()) {
    const seen = first[2 * i + 1]!;
    assert.ok(seen < 16 ? brightness === 0 : Math.abs(brightness - seen) <= 8, `${brightness}, not ${seen}`);
  }
  const broken = drawing!.draw(first.fill(NaN));
  assert.deepEqual(
    broken.map(({ form, ink }) => [form.kind, ink]),
    shapes.map(({ form, ink }) => [form.kind, ink]),
  );
  assert.ok(broken.every(({ form }) => form.kind !== 'cells' || form.cells.length === 0));
});
