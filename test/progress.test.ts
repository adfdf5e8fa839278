import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { createProgress, type Progress } from '../src/cli/progress.ts';

/** A control sequence with its number and kind, or a single character. */
const terminalToken = new RegExp(`${String.fromCharCode(27)}\\[(\\d*)([A-Z])|.`, 'gsu');

/** A stream that keeps what is written to it. */
class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** A sink that says it is a terminal. */
class FakeTerminal extends Sink {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows: number;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  /** The lines that a terminal would hold, scrolled ones included, with no blanks at their ends. */
  lines(): string[] {
    const grid: string[][] = [[]];
    let [x, y, top] = [0, 0, 0];
    for (const [token, n, kind] of this.text.matchAll(terminalToken)) {
      const amount = n ? Number(n) : 1;
      if (!kind) {
        if (token === '\n') [x, y] = [0, y + 1];
        else if (token === '\r') x = 0;
        else {
          if (x === this.columns) [x, y] = [0, y + 1];
          while (grid.length <= y) grid.push([]);
          grid[y]![x++] = token;
        }
      } else if (kind === 'A') y = Math.max(top, y - amount);
      else if (kind === 'B') y += amount;
      else if (kind === 'G') x = amount - 1;
      else if (kind === 'K' && n === '2') grid[y] = [];
      else if (kind === 'K' && (n === '' || n === '0')) grid[y]!.length = Math.min(grid[y]!.length, x);
      else if (kind === 'J') grid.length = y + 1;
      else assert.fail(`the display used ${JSON.stringify(token)}`);
      while (grid.length <= y) grid.push([]);
      top = Math.max(top, y - this.rows + 1);
    }
    return grid.map((row) =>
      Array.from(row, (char) => char ?? ' ')
        .join('')
        .trimEnd(),
    );
  }
}

let now = 0;
const clock = () => now;
/** Lets time pass, for the clock and for the display's timer. */
function wait(milliseconds: number): void {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    now += 50;
    mock.timers.tick(50);
  }
}

beforeEach(() => {
  now = 1e6;
  mock.timers.enable({ apis: ['setTimeout'] });
});
afterEach(() => mock.timers.reset());

const seedsOf = (seeds: number[], steps = 8000) => seeds.map((seed) => ({ label: `seed ${seed}`, steps }));

describe('off a terminal', () => {
  const start = (options: { quiet?: boolean } = {}) => {
    const stream = new Sink();
    const progress = createProgress({
      seeds: seedsOf([0, 1]),
      stream,
      quiet: false,
      plain: false,
      clock,
      ...options,
    });
    return { stream, progress };
  };

  test('one plain line per evaluation, with speed and time left', () => {
    const { stream, progress } = start();
    progress.status(0, 'running');
    progress.evaluation(0, { env_step: 0, reward_mean: 9.46, prediction_mse: 1.25 });
    for (let step = 1; step <= 4000; step++) {
      now += 5;
      progress.step(0, step);
    }
    wait(1000);
    progress.evaluation(0, { env_step: 4000, reward_mean: 312.4, prediction_mse: 0.00031 });
    progress.close();
    assert.equal(
      stream.text,
      [
        'seed 0  step 0/8000  reward 9.5  prediction error 1.3e+0',
        'seed 0  step 4000/8000  reward 312.4  prediction error 3.1e-4  190 steps/s  0:22 left',
        '',
      ].join('\n'),
    );
  });

  test('a resumed run counts the steps of this session only', () => {
    const { stream, progress } = start();
    progress.status(1, 'running', 'resumed at step 7000');
    progress.step(1, 7000);
    now += 10_000;
    progress.step(1, 7001);
    now += 10_000;
    progress.evaluation(1, { env_step: 7101, reward_mean: null, prediction_mse: null });
    now += 3_590_000;
    progress.evaluation(1, { env_step: 7201, reward_mean: 20, prediction_mse: NaN });
    assert.equal(
      stream.text,
      [
        'seed 1  running: resumed at step 7000',
        // Neither step 7000 nor the time until the first step counts.
        'seed 1  step 7101/8000  10 steps/s  1:30 left',
        'seed 1  step 7201/8000  reward 20.0  prediction error NaN  0.028 steps/s  7:58:05 left',
        '',
      ].join('\n'),
    );
  });

  test('nothing is said of the time left before there is a speed: an engine that loads is no slow training', () => {
    const { stream, progress } = start();
    progress.step(0, 7000);
    now += 40_000;
    progress.evaluation(0, { env_step: 7001, reward_mean: 20 });
    now += 100;
    progress.evaluation(0, { env_step: 7101, reward_mean: 20 });
    assert.equal(
      stream.text,
      'seed 0  step 7001/8000  reward 20.0\nseed 0  step 7101/8000  reward 20.0  1000 steps/s  0:01 left\n',
    );
  });

  test('the speed is that of the last half minute', () => {
    const { stream, progress } = start();
    progress.step(0, 0);
    // 20 steps a second for 100 s, then 50 a second for 40 s.
    for (let second = 1; second <= 140; second++) {
      now += 1000;
      progress.step(0, second <= 100 ? 20 * second : 2000 + 50 * (second - 100));
    }
    progress.evaluation(0, { env_step: 4000, reward_mean: 1 });
    assert.match(stream.text, / 50 steps\/s {2}1:20 left\n$/);
  });

  test('notes and the changes of status that matter, each on one line', () => {
    const { stream, progress } = start();
    progress.status(0, 'running');
    progress.note('engine: cpu\n(no GPU)\n');
    progress.status(0, 'done');
    progress.status(0, 'done');
    progress.status(1, 'failed', 'the loss is NaN\nat update 7');
    progress.close();
    progress.close();
    progress.note('saved');
    assert.equal(
      stream.text,
      'engine: cpu (no GPU)\nseed 0  done\nseed 1  failed: the loss is NaN at update 7\nsaved\n',
    );
  });

  test('what was done before the session, or did not begin in it, gets no line', () => {
    const { stream, progress } = start();
    progress.status(0, 'done');
    progress.status(1, 'interrupted');
    progress.close();
    assert.equal(stream.text, '');
  });

  test('quiet: cautions and failures only', () => {
    for (const stream of [new Sink(), new FakeTerminal(80, 24)]) {
      const progress = createProgress({
        seeds: seedsOf([0, 1], 10),
        stream,
        quiet: true,
        plain: false,
        clock,
      });
      progress.note('engine: cpu');
      progress.caution('losses.csv gets no row');
      progress.status(0, 'running', 'resumed');
      progress.evaluation(0, { env_step: 5, reward_mean: 1, prediction_mse: 1 });
      progress.status(1, 'failed', 'no memory');
      wait(500);
      progress.status(0, 'done');
      progress.close();
      assert.equal(stream.text, 'losses.csv gets no row\nseed 1  failed: no memory\n');
    }
  });

  test('plain: lines on a terminal too', () => {
    const terminal = new FakeTerminal(80, 24);
    const seeds = seedsOf([0, 1]);
    const progress = createProgress({ seeds, stream: terminal, quiet: false, plain: true, clock });
    progress.evaluation(0, { env_step: 5, reward_mean: 1 });
    wait(500);
    progress.close();
    assert.equal(terminal.text, 'seed 0  step 5/8000  reward 1.0\n');
  });

  test('a seed that is not of the run is a bug', () => {
    assert.throws(() => start().progress.step(5, 1), RangeError);
  });
});

describe('on a terminal', () => {
  const start = (seeds: number[], terminal: FakeTerminal) => {
    const progress = createProgress({
      seeds: seedsOf(seeds),
      stream: terminal,
      quiet: false,
      plain: false,
      clock,
    });
    return progress;
  };
  /** Runs one seed at 100 steps a second. */
  const run = (progress: Progress, seed: number, from: number, seconds: number) => {
    progress.status(seed, 'running');
    for (let i = 0; i <= 20 * seconds; i++) {
      progress.step(seed, from + 5 * i);
      wait(50);
    }
  };

  test('a bar per seed and one for the whole', () => {
    const terminal = new FakeTerminal(80, 24);
    const progress = start([0, 10], terminal);
    progress.status(1, 'done');
    run(progress, 0, 3000, 10);
    progress.evaluation(0, { env_step: 4000, reward_mean: 312.42, prediction_mse: 0.00031 });
    wait(100);
    assert.deepEqual(terminal.lines(), [
      'seed 0   ███████░░░░░░░    4000/8000  reward 312.4  99 steps/s  0:41 left',
      'seed 10  ██████████████    8000/8000  done',
      'all      ███████████░░░  12000/16000  1 running, 1 done  99 steps/s  0:41 left',
    ]);
    progress.close();
    assert.deepEqual(terminal.lines().slice(-1), [''], 'what follows starts on a line of its own');
  });

  test('the speed of the whole leaves out what earlier sessions did', () => {
    const terminal = new FakeTerminal(100, 24);
    const progress = start([0, 1], terminal);
    run(progress, 0, 0, 10);
    progress.status(1, 'running');
    progress.step(1, 7000);
    wait(100);
    assert.match(terminal.lines()[2]!, /8000\/16000 {2}2 running {2}9\d steps\/s {2}1:2\d left$/);
    progress.close();
  });

  test('notes and failures stand above the bars, which stay whole', () => {
    const terminal = new FakeTerminal(80, 24);
    const progress = start([0, 1], terminal);
    progress.status(1, 'running');
    wait(200);
    progress.note('engine: cpu');
    wait(200);
    progress.status(0, 'failed', 'the loss is NaN');
    progress.note('two\nlines');
    wait(200);
    const expected = [
      'engine: cpu',
      'seed 0  failed: the loss is NaN',
      'two lines',
      'seed 0  ░░░░░░░░░░░░░░       0/8000  failed: the loss is NaN',
      'seed 1  ░░░░░░░░░░░░░░       0/8000',
      'all     ░░░░░░░░░░░░░░      0/16000  1 running, 1 failed',
    ];
    assert.deepEqual(terminal.lines(), expected);
    progress.note('the last');
    progress.close();
    expected.splice(3, 0, 'the last');
    assert.deepEqual(terminal.lines(), [...expected, '']);
    progress.close();
    wait(1000);
    progress.note('after');
    assert.deepEqual(terminal.lines(), [...expected, 'after', '']);
  });

  test('a note longer than a row; at 40 columns the bar and the speed give way to reward and time left', () => {
    const terminal = new FakeTerminal(40, 24);
    const progress = start([0], terminal);
    run(progress, 0, 0, 1);
    progress.evaluation(0, { env_step: 200, reward_mean: 20 });
    progress.note('x'.repeat(50));
    wait(200);
    const words = 'seed 0    2 %  reward 20.0  0:46 left';
    assert.deepEqual(terminal.lines(), ['x'.repeat(40), 'x'.repeat(10), words]);
    progress.status(0, 'failed', 'the loss is NaN at update 7');
    wait(200);
    assert.match(terminal.lines().at(-1)!, /^seed 0 {4}2 % {2}reward 20\.0 {2}failed: the$/);
    progress.close();
  });

  test('at 80 columns the cells of a sweep keep the ends of their names, the reward and the time left', () => {
    const terminal = new FakeTerminal(80, 24);
    const seeds = ['0.1', '0.25'].map((lambda) => ({
      label: `lambda=${lambda},horizon=15,critic.shapesModel=false,learningRate=0.001 seed 1010`,
      steps: 50_000,
    }));
    const progress = createProgress({ seeds, stream: terminal, quiet: false, plain: false, clock });
    for (const seed of [0, 1]) run(progress, seed, 0, 2);
    progress.evaluation(1, { env_step: 200, reward_mean: 123.45 });
    wait(100);
    const lines = terminal.lines();
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.match(lines[1]!, /^lambda=0\.25\S*….* seed 1010 {4}0 % {2}reward 123\.5 {2}\d+:\d\d left$/);
    progress.close();
  });

  test('more seeds than rows: the running ones first, and the block fits', () => {
    const terminal = new FakeTerminal(100, 8);
    const progress = start(
      Array.from({ length: 100 }, (_, i) => i),
      terminal,
    );
    for (let seed = 0; seed < 40; seed++) progress.status(seed, 'done');
    for (const seed of [90, 50]) progress.status(seed, 'running');
    wait(300);
    progress.note('a note');
    progress.status(60, 'failed', 'no memory');
    wait(300);
    const lines = terminal.lines();
    assert.deepEqual(
      lines.map((line) => line.slice(0, 8).trimEnd()),
      ['a note', 'seed 60', 'seed 40', 'seed 41', 'seed 50', 'seed 60', 'seed 90', 'all'],
    );
    assert.match(lines.at(-1)!, /2 running, 1 failed, 57 waiting, 40 done$/);
    progress.close();
  });

  test('at most ten redraws a second, and none after close', () => {
    const terminal = new FakeTerminal(80, 24);
    const listeners = process.listenerCount('exit');
    const interrupts = process.listenerCount('SIGINT');
    const progress = start([0], terminal);
    assert.equal(process.listenerCount('SIGINT'), interrupts, 'SIGINT is left to the command');
    progress.status(0, 'running');
    for (let i = 0; i < 1000; i++) {
      progress.step(0, i);
      if (i % 50 === 0) wait(50);
    }
    const redraws = terminal.text.match(/seed 0/g)?.length ?? 0;
    assert.ok(redraws >= 8 && redraws <= 10, `${redraws} redraws in a second`);
    progress.close();
    const { length } = terminal.text;
    wait(1000);
    assert.equal(terminal.text.length, length);
    assert.equal(process.listenerCount('exit'), listeners);
    // Neither the cursor nor the wrapping of lines is ever touched, so nothing can be left behind.
    assert.ok(!terminal.text.includes('[?'));
  });
});
