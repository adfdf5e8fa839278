import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { mp4Of } from '../src/cli/ffmpeg.ts';
import { filmCommand } from '../src/cli/film.ts';
import type { Position } from '../src/envs/drawing.ts';
import { type Clip, cover, discRegion, lineRegion, polygonRegion, type Region } from '../src/envs/raster.ts';
import { filmScene } from '../src/pictures/film.ts';
import { gifOf } from '../src/pictures/gif.ts';
import { colourOf, type Pixels } from '../src/pictures/pixels.ts';
import { pngOf } from '../src/pictures/png.ts';
import { scenePixels } from '../src/pictures/scene-pixels.ts';
import { stripScene } from '../src/pictures/strip.ts';
import { typeset } from '../src/pictures/typeface.ts';
import { randomFilm } from './support/random-film.ts';
import { readGif } from './support/read-gif.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const SIZE = 40;
const whole: Clip = { left: 0, top: 0, right: SIZE, bottom: SIZE };

/** The share of each pixel that is covered: [SIZE, SIZE] */
function shares(region: Region, clip = whole): Float64Array {
  const found = new Float64Array(SIZE * SIZE);
  cover(region, clip, (column, row, share) => {
    assert.ok(share > 0 && share <= 1);
    assert.ok(column >= 0 && column < SIZE && row >= 0 && row < SIZE, 'outside of the picture');
    assert.equal(found[row * SIZE + column], 0, 'painted twice');
    found[row * SIZE + column] = share;
  });
  return found;
}

const area = (region: Region, clip?: Clip) => shares(region, clip).reduce((sum, x) => sum + x, 0);

/** The same but for rounding. */
function assertSame(one: Region, other: Region): void {
  const wanted = shares(other);
  for (const [at, share] of shares(one).entries()) assert.ok(Math.abs(share - wanted[at]!) < 1e-9);
}

const within = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const point = (min: number, max: number) => fc.tuple(within(min, max), within(min, max));

describe('a region covers', () => {
  test('as much as its area, wherever it lies: discs, triangles, thick lines', () => {
    fc.assert(
      fc.property(point(12, 28), within(0.5, 11), (centre, radius) => {
        assert.ok(Math.abs(area(discRegion(centre, radius)) - Math.PI * radius ** 2) < 0.05 * (1 + radius));
      }),
      { seed: 1, numRuns: 50 },
    );
    fc.assert(
      fc.property(point(1, 39), point(1, 39), point(1, 39), (a, b, c) => {
        const wanted = Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2;
        assert.ok(Math.abs(area(polygonRegion([a, b, c])) - wanted) < 0.5);
        assertSame(polygonRegion([c, b, a]), polygonRegion([a, b, c]));
      }),
      { seed: 1, numRuns: 50 },
    );
    fc.assert(
      fc.property(point(8, 32), point(8, 32), within(0.5, 6), (a, b, width) => {
        const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
        const wanted = width * length + (Math.PI * width ** 2) / 4;
        // A row of pixels is looked at on eight lines: one that lies flat gains or loses one of them.
        assert.ok(Math.abs(area(lineRegion([a, b], width)) - wanted) < 0.3 + length / 8);
        // There and back, it is the same line.
        assertSame(lineRegion([a, b, a], width), lineRegion([a, b], width));
      }),
      { seed: 1, numRuns: 50 },
    );
    const rectangle: Position[] = [
      [3.25, 2],
      [9, 2],
      [9, 4.5],
      [3.25, 4.5],
    ];
    const found = shares(polygonRegion(rectangle));
    assert.deepEqual([...found.slice(2 * SIZE + 2, 2 * SIZE + 10)], [0, 0.75, 1, 1, 1, 1, 1, 0]);
    assert.deepEqual([...found.slice(4 * SIZE + 2, 4 * SIZE + 10)], [0, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5, 0]);
    const star = [0, 2, 4, 1, 3].map((i): Position => {
      const angle = (2 * Math.PI * i) / 5;
      return [20 + 15 * Math.sin(angle), 20 - 15 * Math.cos(angle)];
    });
    assert.equal(shares(polygonRegion(star))[20 * SIZE + 20], 1, 'its middle, which it goes around twice');
  });

  test('the same in a mirror, and where a border cuts it no more and no less of what is left', () => {
    const shapes = fc.record({
      points: fc.array(point(-20, 60), { minLength: 3, maxLength: 6 }),
      width: within(0.1, 12),
      clip: fc.record({
        left: within(0, 20),
        top: within(0, 20),
        right: within(20, 40),
        bottom: within(20, 40),
      }),
    });
    fc.assert(
      fc.property(shapes, ({ points, width, clip }) => {
        const regions = (at: readonly Position[]) => [
          polygonRegion(at),
          lineRegion(at, width),
          discRegion(at[0]!, 2 * width),
        ];
        const mirrored = regions(points.map(([x, y]) => [SIZE - x, y]));
        for (const [i, region] of regions(points).entries()) {
          const [found, turned, cut] = [shares(region), shares(mirrored[i]!), shares(region, clip)];
          for (let at = 0; at < found.length; at++) {
            const [column, row] = [at % SIZE, Math.floor(at / SIZE)];
            assert.ok(Math.abs(found[at]! - turned[row * SIZE + SIZE - 1 - column]!) < 1e-9);
            const outside =
              column + 1 <= clip.left || column >= clip.right || row + 1 <= clip.top || row >= clip.bottom;
            const inside =
              column >= clip.left && column + 1 <= clip.right && row >= clip.top && row + 1 <= clip.bottom;
            if (outside) assert.equal(cut[at], 0);
            else if (inside) assert.ok(Math.abs(cut[at]! - found[at]!) < 1e-9);
            else assert.ok(cut[at]! <= found[at]! + 1e-9);
          }
        }
      }),
      { seed: 1, numRuns: 25 },
    );
  });
});

test('the typeface has what films say, its digits equally wide, and a box for anything else', () => {
  const box = typeset('世');
  for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-–+()/_=<>&"\'%') {
    const { dots, width } = typeset(character);
    assert.ok(dots.length > 0 && Math.max(...dots.map(([x]) => x)) < width, character);
    assert.notDeepEqual(dots, box.dots, character);
    if (/\d/.test(character)) assert.equal(width, 4, character);
  }
  assert.equal(
    new Set([...'abcdefghijklmnopqrstuvwxyz'].map((x) => JSON.stringify(typeset(x).dots))).size,
    26,
  );
});

const pixelAt = ({ width, data }: Pixels, x: number, y: number) => [
  ...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3),
];

describe('a film as pixels', () => {
  test('shows what its scene says, a faint reality behind the dream, and nothing of what is no number', () => {
    const film = randomFilm('Pendulum-v1', 3);
    const upright = (y: number) => Float32Array.of(y, 0, 0);
    const [episode] = film.episodes as [(typeof film.episodes)[0]];
    const real = episode.real.map((step) => ({ ...step, observation: upright(1) }));
    const dream = episode.dream!.map((step, t) => ({
      ...step,
      ...{
        observation: upright(t === 0 ? Number.NaN : -1),
        continueProbability: t === 2 ? 0.1 : 1,
        dreamt: t,
      },
    }));
    const scene = filmScene({ ...film, episodes: [{ real, dream, ending: null }] });
    const panels = scene.items.flatMap((item) => (item.kind === 'panel' ? [item.place] : []));
    const ink = (frame: number, panel: number, quarter: number) => {
      const { x, y, width, height } = panels[panel]!;
      return pixelAt(scenePixels(scene, frame, 2), 2 * x + width, Math.round(2 * y + 2 * height * quarter));
    };
    const limb = [...colourOf('#d08b45')];
    assert.deepEqual([ink(1, 0, 0.3), ink(1, 1, 0.7)], [limb, limb]);
    const ground = [...colourOf('#f3effb')];
    const ghost = ground.map((x, i) => Math.round(x + 0.22 * (limb[i]! - x)));
    assert.deepEqual([ink(1, 1, 0.3), ink(0, 1, 0.7)], [ghost, ground]);
    assert.deepEqual(scenePixels(scene, 3, 1), scenePixels(scene, 10, 1), 'it stands still at its end');
    assert.notDeepEqual(scenePixels(scene, 1, 1), scenePixels(scene, 2, 1), 'the end is foreseen');
  });

  test('is a PNG of the same pixels, as large in print as on a screen', () => {
    const pixels = scenePixels(stripScene(randomFilm('CartPole-v1', 6), 3), 0, 2);
    const png = Buffer.from(pngOf(pixels, 192));
    assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
    const chunks = new Map<string, Buffer>();
    for (let at = 8; at < png.length; ) {
      const length = png.readUInt32BE(at);
      const typed = png.subarray(at + 4, at + 8 + length);
      assert.equal(png.readUInt32BE(at + 8 + length), remainder(typed));
      chunks.set(typed.subarray(0, 4).toString('latin1'), typed.subarray(4));
      at += 12 + length;
    }
    assert.deepEqual([...chunks.keys()], ['IHDR', 'pHYs', 'IDAT', 'IEND']);
    const header = chunks.get('IHDR')!;
    const { width, height, data } = pixels;
    assert.deepEqual([header.readUInt32BE(0), header.readUInt32BE(4)], [width, height]);
    assert.deepEqual([...header.subarray(8)], [8, 2, 0, 0, 0]);
    assert.equal(chunks.get('pHYs')!.readUInt32BE(0), 7559);
    const rows = inflateSync(chunks.get('IDAT')!);
    const above = new Uint8Array(3 * width);
    for (let y = 0; y < height; y++) {
      const row = rows.subarray(y * (1 + 3 * width), (y + 1) * (1 + 3 * width));
      assert.equal(row[0], 2);
      for (let i = 0; i < above.length; i++) above[i]! += row[1 + i]!;
      for (let x = 0; x < width; x++) {
        for (let i = 0; i < 3; i++) {
          if (above[3 * x + i] !== data[4 * (y * width + x) + i]) assert.fail(`${x}, ${y}`);
        }
      }
    }
  });

  test('is a GIF with its colours, for ever and as long as its clock says', () => {
    const scene = filmScene({ ...randomFilm('Acrobot-v1', 4), title: 'Acrobot', note: '' });
    const frameAt = (frame: number) => scenePixels(scene, frame, 1);
    const gif = readGif(gifOf(frameAt, scene.clock));
    assert.deepEqual([gif.width, gif.height, gif.repeats], [scene.width, scene.height, 0]);
    assert.equal(gif.frames.length, 5, 'the film stands still after that');
    const ends = gif.frames.map((_, i) =>
      gif.frames.slice(0, i + 1).reduce((sum, { delay }) => sum + delay, 0),
    );
    assert.deepEqual(ends, [7, 13, 20, 27, Math.round(100 * scene.clock.seconds)]);
    for (const [i, { rgb }] of gif.frames.entries()) {
      const { data } = frameAt(i);
      let far = 0;
      for (let at = 0; at < rgb.length; at++) {
        if (Math.abs(rgb[at]! - data[4 * Math.floor(at / 3) + (at % 3)]!) > 24) far++;
      }
      assert.ok(far < rgb.length / 1000, `${far} of frame ${i}`);
      assert.deepEqual([...rgb.subarray(0, 3)], [255, 255, 255]);
    }
  });

  const noFfmpeg = spawnSync('ffmpeg', ['-version']).error && 'there is no ffmpeg on PATH';
  test('is an MP4 where there is ffmpeg', { skip: noFfmpeg }, async () => {
    const scene = filmScene(randomFilm('CartPole-v1', 4));
    const mp4 = await mp4Of((frame) => scenePixels(scene, frame, 2), scene.clock);
    const file = path.join(temporaryFolder('mp4'), 'film.mp4');
    writeFileSync(file, mp4);
    const { stderr } = spawnSync('ffmpeg', ['-hide_banner', '-i', file, '-f', 'null', '-'], {
      encoding: 'utf8',
    });
    assert.match(stderr, new RegExp(`yuv420p.*, ${2 * scene.width}x${2 * scene.height}`));
    assert.match(stderr, new RegExp(`frame= *${scene.clock.frames} `));
  });

  test('is no MP4 where there is none: one sentence, and nothing is played or written', async () => {
    const folder = temporaryFolder('no-ffmpeg');
    const empty = path.join(folder, 'empty');
    mkdirSync(empty);
    const before = process.env.PATH;
    process.env.PATH = empty;
    try {
      const out = path.join(folder, 'film.mp4');
      const plan = { checkpoint: 'last', episodes: 1, steps: 1 } as const;
      await assert.rejects(filmCommand('no such run', { ...plan, out }), {
        ...{ name: 'UserError', exitCode: 2 },
        message: /^an MP4 is made by ffmpeg, which cannot be started here; install it, or name/,
      });
    } finally {
      process.env.PATH = before;
    }
    assert.deepEqual(readdirSync(folder), ['empty']);
  });
});

/** CRC-32, by polynomial division bit by bit. */
function remainder(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
