import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { differingBytes, resultsOf } from './drills/results.ts';
import { type Answered, launch, run, runInTurn, start, wm } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { events, linesWithoutTime, text, tinyDreamCritic, waitFor } from './support/tiny-run.ts';

const folder = temporaryFolder('cli');

function workplace(files: Record<string, string> = {}): string {
  const dir = mkdtempSync(path.join(folder, 'place-'));
  for (const [name, text] of Object.entries({ 'tiny.yaml': tiny, ...files }))
    writeFileSync(path.join(dir, name), text);
  return dir;
}

const tiny = `${tinyDreamCritic}seeds: [0, 1]
steps: 300
evaluation: { every: 100, episodes: 2 }
horizon: 3
`;

const metricsOf = (dir: string, seed: number) => linesWithoutTime(text(dir, `seed-${seed}`, 'metrics.csv'));
const lossesOf = (dir: string, seed: number) => text(dir, `seed-${seed}`, 'losses.csv');

function assertSameResults(actual: string, wanted: string, seeds: number[]): void {
  for (const seed of seeds) {
    assert.deepEqual(metricsOf(actual, seed), metricsOf(wanted, seed), `metrics of seed ${seed}`);
    assert.equal(lossesOf(actual, seed), lossesOf(wanted, seed), `losses of seed ${seed}`);
  }
}

/** Waits until a seed's metrics.csv has an evaluation. */
function firstEvaluation(dir: string, seed: number): Promise<void> {
  const file = path.join(dir, `seed-${seed}`, 'metrics.csv');
  return waitFor(
    `an evaluation of seed ${seed}`,
    () => existsSync(file) && text(file).split('\n').length > 2,
  );
}

const trainTiny = (cwd: string, ...args: string[]) => run(cwd, 'train', '--config', 'tiny.yaml', ...args);

/** The uninterrupted tiny run that others are compared with. */
let reference: Promise<string> | undefined;
function referenceRun(): Promise<string> {
  reference ??= (async () => {
    const cwd = workplace();
    const { code, stderr } = await trainTiny(cwd);
    assert.equal(code, 0, stderr);
    return path.join(cwd, 'runs', 'tiny');
  })();
  return reference;
}

/** A copy of the finished reference run, to damage. */
async function copyOfRun(): Promise<{ cwd: string; dir: string }> {
  const cwd = workplace();
  const dir = path.join(cwd, 'runs', 'tiny');
  cpSync(await referenceRun(), dir, { recursive: true });
  return { cwd, dir };
}

describe('train', () => {
  test('writes a whole run folder, and the same command again finds nothing to do', async () => {
    const dir = await referenceRun();
    assert.deepEqual(readdirSync(dir).sort(), [
      'config.yaml',
      'events.jsonl',
      'metrics.csv',
      'run.json',
      'seed-0',
      'seed-1',
      'summary.csv',
    ]);
    assert.deepEqual(readdirSync(path.join(dir, 'seed-0')).sort(), [
      'checkpoint.best.safetensors',
      'checkpoint.previous.safetensors',
      'checkpoint.safetensors',
      'done.json',
      'losses.csv',
      'metrics.csv',
    ]);
    const info = JSON.parse(text(dir, 'run.json'));
    assert.equal(info.engine.name, 'wasm');
    assert.deepEqual(info.status, { 0: 'done', 1: 'done' });
    // 300 steps: an evaluation at 100, 200 and 300; 65 updates: 13 rows of losses.
    assert.equal(text(dir, 'seed-0', 'metrics.csv').trimEnd().split('\n').length, 4);
    assert.equal(text(dir, 'seed-0', 'losses.csv').trimEnd().split('\n').length, 14);
    assert.equal(text(dir, 'metrics.csv').trimEnd().split('\n').length, 7);
    assert.equal(text(dir, 'summary.csv').trimEnd().split('\n').length, 3);

    const before = text(dir, 'metrics.csv');
    const again = await run(path.dirname(path.dirname(dir)), 'train', '--config', 'tiny.yaml');
    assert.equal(again.code, 0);
    assert.match(again.stderr, /runs\/tiny is finished: nothing to do/);
    assert.equal(text(dir, 'metrics.csv'), before);
  });

  test('the resolved config gives the same run, byte for byte; so does a seed alone', async () => {
    const wanted = await referenceRun();
    const cwd = workplace();
    cpSync(path.join(wanted, 'config.yaml'), path.join(cwd, 'resolved.yaml'));
    assert.equal((await run(cwd, 'train', '--config', 'resolved.yaml', '--workers', '1')).code, 0);
    assertSameResults(path.join(cwd, 'runs', 'tiny'), wanted, [0, 1]);
    assert.equal((await trainTiny(cwd, '--seeds', '1', '--name', 'alone')).code, 0);
    assertSameResults(path.join(cwd, 'runs', 'alone'), wanted, [1]);
  });

  test('a finished run is made longer and given more seeds: the bytes of a run of that length', async () => {
    const wanted = await referenceRun();
    const cwd = workplace();
    const dir = path.join(cwd, 'runs', 'tiny');
    // Its end is at no multiple of evaluation.every: that evaluation does not stand in the longer run.
    assert.equal((await trainTiny(cwd, '--seeds', '1', '--steps', '250')).code, 0);
    assert.equal(metricsOf(dir, 1).length, 4);
    const longer = await trainTiny(cwd);
    assert.equal(longer.code, 0, longer.stderr);
    assert.match(longer.stderr, /^runs\/tiny goes on from 250 to 300 steps, with the seed 0 added$/m);
    assert.equal(differingBytes(resultsOf(dir, [0, 1]), resultsOf(wanted, [0, 1])), 0);
    assert.equal(text(dir, 'config.yaml'), text(wanted, 'config.yaml'));
    const extended = events(dir).find(({ kind }) => kind === 'extended');
    assert.deepEqual(
      { ...extended, time: 0 },
      { time: 0, kind: 'extended', steps: { from: 250, to: 300 }, seeds: [0] },
    );
    const again = await trainTiny(cwd);
    assert.match(again.stderr, /runs\/tiny is finished: nothing to do\n$/);
  });

  test('stopWhen ends a seed early, and a kill before its mark changes nothing', async () => {
    const wanted = await referenceRun();
    const cwd = workplace({ 'tiny.yaml': `${tiny}stopWhen: { reward: 1, evaluations: 2 }\n` });
    const dir = path.join(cwd, 'runs', 'tiny');
    const { code, stderr } = await trainTiny(cwd);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^seed 1 {2}done: met stopWhen after 200 of 300 steps$/m);
    const ended = JSON.parse(text(dir, 'seed-0', 'done.json'));
    assert.deepEqual([ended.steps, ended.metStopWhen], [200, true]);
    for (const seed of [0, 1]) assert.deepEqual(metricsOf(dir, seed), metricsOf(wanted, seed).slice(0, 3));
    const before = text(dir, 'seed-0', 'losses.csv');
    rmSync(path.join(dir, 'seed-0', 'done.json'));
    const marked = await trainTiny(cwd);
    assert.equal(marked.code, 0, marked.stderr);
    assert.equal(JSON.parse(text(dir, 'seed-0', 'done.json')).steps, 200);
    assert.equal(text(dir, 'seed-0', 'losses.csv'), before);
  });

  test('three seeds share two workers in turns, byte for byte as in one go', async () => {
    const cwd = workplace();
    const { code, stderr } = await trainTiny(cwd, '--seeds', '0,1,2', '--workers', '2');
    assert.equal(code, 0, stderr);
    const dir = path.join(cwd, 'runs', 'tiny');
    const turns = events(dir).flatMap(({ kind, seeds }) => (kind === 'worker' ? seeds : []));
    assert.deepEqual(turns.toSorted(), [0, 0, 1, 1, 2, 2]);
    assertSameResults(dir, await referenceRun(), [0, 1]);
  });

  test('reports one line per evaluation off a terminal, results alone on stdout', async () => {
    const cwd = workplace();
    const { stdout, stderr } = await trainTiny(cwd, '--seeds', '7', '--steps', '100');
    assert.match(stderr, /^training runs\/tiny \(seed 7\) on wasm 4\.22\.0 \(/);
    assert.equal(stderr.match(/^seed 7 {2}step 100\/100 /gm)?.length, 1);
    assert.match(stdout, /^dream-critic: final reward \d+\.\d over 1 seed\n$/);
    const quiet = await trainTiny(cwd, '--steps', '100', '--name', 'q', '--quiet', '--json');
    assert.equal(quiet.stderr, '');
    assert.equal(JSON.parse(quiet.stdout).seeds.length, 2);
  });

  test('Ctrl-C saves every seed and exits with 130; the same command goes on to the same results', async () => {
    const wanted = await referenceRun();
    const cwd = workplace();
    const dir = path.join(cwd, 'runs', 'tiny');
    const { child, ended } = start(cwd, 'train', '--config', 'tiny.yaml');
    await firstEvaluation(dir, 0);
    child.kill('SIGINT');
    const { code, signal, stderr } = await ended;
    // Ended by it, not only with its code: a shell's loop ends with what Ctrl-C has ended.
    assert.deepEqual([code, signal], [130, 'SIGINT'], stderr);
    assert.match(stderr, /the same command goes on from here/);
    const resumed = await trainTiny(cwd);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stderr, /^resuming /);
    assertSameResults(dir, wanted, [0, 1]);
  });

  test('kill -9 of the parent: the same command finishes with the same results', async () => {
    const wanted = await referenceRun();
    const cwd = workplace();
    const dir = path.join(cwd, 'runs', 'tiny');
    const { child, ended } = start(cwd, 'train', '--config', 'tiny.yaml');
    await firstEvaluation(dir, 1);
    child.kill('SIGKILL');
    await ended;
    // As if it had been begun when the method had its former name.
    const config = path.join(dir, 'config.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('method: vae-lstm', 'method: world-model'));
    const resumed = await trainTiny(cwd);
    assert.equal(resumed.code, 0, resumed.stderr);
    assertSameResults(dir, wanted, [0, 1]);
    assert.ok(events(dir).some(({ kind }) => kind === 'lock-taken-over'));
  });

  test('kill -9 of a worker fails its seed alone; the same command finishes it', async () => {
    const wanted = await referenceRun();
    const cwd = workplace();
    const dir = path.join(cwd, 'runs', 'tiny');
    const { ended } = start(cwd, 'train', '--config', 'tiny.yaml', '--workers', '2');
    await firstEvaluation(dir, 0);
    process.kill(
      events(dir).find(({ kind, seeds }) => kind === 'worker' && seeds.includes(0))!.pid,
      'SIGKILL',
    );
    const { code, stderr } = await ended;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /seed 0 {2}failed: its worker process \d+ was ended by SIGKILL/);
    assert.deepEqual(JSON.parse(text(dir, 'run.json')).status, { 0: 'failed', 1: 'done' });
    assert.equal((await trainTiny(cwd)).code, 0);
    assertSameResults(dir, wanted, [0, 1]);
  });

  test('a model for which there is no memory is one sentence', async () => {
    const cwd = workplace();
    const { code, stderr } = await trainTiny(cwd, '--set', 'model.hidden=[65536,65536]');
    assert.equal(code, 1);
    assert.match(stderr, /seed 0 {2}failed: out of memory \(.*\); use fewer --workers, a smaller model/);
    assert.doesNotMatch(stderr, /^ +at /m);
  });

  test('a newest checkpoint that is damaged falls back to the one before, to the same results; another Node is named', async () => {
    const wanted = await referenceRun();
    const { cwd, dir } = await copyOfRun();
    for (const file of ['seed-0/done.json', 'summary.csv']) rmSync(path.join(dir, file));
    truncateSync(path.join(dir, 'seed-0', 'checkpoint.safetensors'), 1000);
    const played = await run(cwd, 'eval', 'runs/tiny', '--episodes', '1');
    assert.equal(played.code, 0);
    assert.match(played.stderr, /cut short \(.*\); going on from the checkpoint before it, at step 200/);
    const info = JSON.parse(text(dir, 'run.json'));
    info.sittings[0].node = 'v1.2.3';
    writeFileSync(path.join(dir, 'run.json'), JSON.stringify(info));
    const { code, stderr } = await trainTiny(cwd);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /checkpoint\.safetensors: cut short \(.*\); going on from the checkpoint before it, at step 200\n/,
    );
    assert.ok(
      stderr.includes(
        `runs/tiny goes on with Node ${process.version} instead of v1.2.3: its numbers may come out otherwise\n`,
      ),
      stderr,
    );
    assert.equal(events(dir).filter(({ kind }) => kind.endsWith('-changed')).length, 1);
    assert.equal(JSON.parse(text(dir, 'run.json')).sittings.length, 2);
    assert.ok(
      events(dir).some(({ kind }) => kind === 'checkpoint-fallback'),
      'an event says so',
    );
    assertSameResults(dir, wanted, [0, 1]);
  });

  test('what is made of the files of all seeds is made again where it is lost', async () => {
    const wanted = await referenceRun();
    const { cwd, dir } = await copyOfRun();
    for (const name of ['metrics.csv', 'summary.csv']) rmSync(path.join(dir, name));
    assert.equal((await trainTiny(cwd)).code, 0);
    for (const name of ['metrics.csv', 'summary.csv']) assert.equal(text(dir, name), text(wanted, name));
  });

  test('a run that was killed before its summary is summed up by the next start', async () => {
    const wanted = await referenceRun();
    const { cwd, dir } = await copyOfRun();
    for (const file of ['summary.csv', 'metrics.csv']) rmSync(path.join(dir, file));
    const info = JSON.parse(text(dir, 'run.json'));
    writeFileSync(
      path.join(dir, 'run.json'),
      JSON.stringify({ ...info, end: null, status: { 0: 'done', 1: 'running' } }),
    );
    assert.equal((await trainTiny(cwd)).code, 0);
    for (const file of ['summary.csv', 'metrics.csv']) assert.equal(text(dir, file), text(wanted, file));
    const { status, end } = JSON.parse(text(dir, 'run.json'));
    assert.deepEqual(status, { 0: 'done', 1: 'done' });
    assert.notEqual(end, null);
  });

  test('a loss that is not finite stops its seed with the first term that was not', async () => {
    const cwd = workplace();
    const { code, stderr } = await trainTiny(cwd, '--set', 'learningRate=1e30');
    assert.equal(code, 1);
    assert.match(stderr, /seed 0 {2}failed: \w+ became (NaN|-?Infinity) at update \d+/);
    assert.doesNotMatch(stderr, /^ +at /m);
    // The evaluation at 100 came after the failure: nothing but good rows and good checkpoints is kept.
    assert.doesNotMatch(text(cwd, 'runs', 'tiny', 'seed-0', 'losses.csv'), /NaN|Infinity/);
  });
});

describe('a model-free method', () => {
  const yaml = `
method: ppo
seeds: [3]
steps: 1400
engine: wasm
evaluation: { every: 200, episodes: 5 }
`;

  test('trains, resumes to the same results, plays and is compared, without metrics of a model', async () => {
    const cwd = workplace({ 'ppo.yaml': yaml });
    const train = ['train', '--config', 'ppo.yaml', '--name'];
    const whole = await run(cwd, ...train, 'whole');
    assert.equal(whole.code, 0);
    assert.match(whole.stderr, /^the last 120 of 1,400 steps are not learnt from: they fill no roll-out$/m);
    assert.doesNotMatch(whole.stderr, /gets no row/);
    const { child, ended } = start(cwd, ...train, 'stopped');
    await firstEvaluation(path.join(cwd, 'runs', 'stopped'), 3);
    child.kill('SIGKILL');
    await ended;
    assert.equal((await run(cwd, ...train, 'stopped')).code, 0);
    assertSameResults(path.join(cwd, 'runs', 'stopped'), path.join(cwd, 'runs', 'whole'), [3]);
    assert.equal(
      metricsOf(path.join(cwd, 'runs', 'whole'), 3)[0],
      'seed,env_step,update,reward_mean,reward_std,reward_min,reward_max,reward_mean_online,episodes',
    );

    const short = await run(cwd, ...train, 'short', '--steps', '256', '--set', 'logEvery=21');
    assert.match(short.stderr, /^losses.csv gets no row: logEvery is 21, and a seed makes 20 updates$/m);
    assert.match(metricsOf(path.join(cwd, 'runs', 'short'), 3).at(-1)!, /^3,256,20,/);
    assert.doesNotMatch(short.stderr, /not learnt from/);

    const played = await run(cwd, 'eval', 'runs/whole', '--episodes', '3');
    assert.match(played.stdout, /^3 +1400 +\d+\.\d ± /m);
    const planned = await run(cwd, 'eval', 'runs/whole', '--planner', 'cem');
    assert.deepEqual([planned.code, planned.stdout], [2, '']);
    assert.equal(
      planned.stderr,
      'wm: --planner cem: runs/whole was trained by ppo, which has no model that can be planned in; leave --planner out\n',
    );
    assert.ok(!existsSync(path.join(cwd, 'runs', 'whole', 'eval-cem.csv')));
    const tiny = path.relative(cwd, await referenceRun());
    const { stdout } = await run(cwd, 'compare', 'runs/whole', tiny);
    assert.match(stdout, /^PPO +1 +\d+\.\d +\d+\.\d +– /m);
    assert.match(stdout, /^Dream critic +2 /m);
  });
});

describe('eval and compare', () => {
  test('eval plays the checkpoints, the same way every time', async () => {
    const dir = await referenceRun();
    const cwd = path.dirname(path.dirname(dir));
    // As training was: another engine has other last digits.
    const evaluate = (...args: string[]) => run(cwd, 'eval', 'runs/tiny', '--engine', 'wasm', ...args);
    const first = await evaluate('--episodes', '3');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /mean over 2 seeds: \d+\.\d ± \d+\.\d \(3 greedy episodes each\)/);
    const episodes = text(dir, 'episodes.csv');
    const rows = episodes
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
    assert.equal(rows.length, 6);
    for (const [, , total, length, terminated, truncated, ending, x, , theta] of rows) {
      assert.equal(total, length);
      assert.equal(Number(terminated) + Number(truncated), 1);
      const beyond = { track: Math.abs(Number(x)) > 2.4, pole: Math.abs(Number(theta)) > Math.PI / 15 };
      assert.equal(ending, beyond.track ? 'track' : beyond.pole ? 'pole' : 'limit');
    }
    const [, seed0] = text(dir, 'eval.csv').split('\n');
    const mean = rows.filter(([seed]) => seed === '0').reduce((sum, row) => sum + Number(row[2]), 0) / 3;
    assert.equal(Number(seed0!.split(',')[3]), mean);
    // What does not depend on which episodes were played is what the last evaluation of training measured.
    const of = (csv: string, line: number) => {
      const lines = csv
        .trimEnd()
        .split('\n')
        .map((row) => row.split(','));
      return Object.fromEntries(lines[0]!.map((column, i) => [column, lines.at(line)![i]]));
    };
    const evaluated = of(text(dir, 'eval.csv'), 1);
    const trained = of(text(dir, 'seed-0', 'metrics.csv'), -1);
    for (const column of ['prediction_mse', 'prediction_mse_standardised', 'open_loop_mse_15']) {
      assert.equal(evaluated[column], trained[column], column);
    }
    assert.match(first.stdout, /^held-out set +\S.* ± .*\nown episodes +\S.* ± .*\nopen loop, 1 step /m);

    const best = await evaluate('--episodes', '1', '--checkpoint', 'best');
    assert.equal(best.stderr, '');
    const curve = metricsOf(dir, 0).map((line) => line.split(','));
    const rewards = curve.slice(1).map((row) => Number(row[curve[0]!.indexOf('reward_mean')]));
    const highest = 100 * (rewards.indexOf(Math.max(...rewards)) + 1);
    assert.equal(text(dir, 'eval-best.csv').split('\n')[1]!.split(',')[1], `${highest}`);

    // The same starts, played by planning; the policy's files stay as they are.
    const search = ['horizon=2', 'candidates=4', 'elites=2', 'iterations=1'];
    const settings = search.flatMap((setting) => ['--set', `planner.${setting}`]);
    const planned = await evaluate('--episodes', '2', '--planner', 'cem', ...settings);
    assert.equal(planned.stderr, '');
    assert.match(
      planned.stdout,
      /\(2 greedy episodes each\)\nplanned by cem: horizon 2, .*, candidates 4, elites 2, iterations 1, warmStart false, .*; [\d.]+ ms per action\n/,
    );
    assert.match(
      text(dir, 'eval-cem.csv'),
      /,planner_horizon,planner_termination,planner_terminal_value,planner_candidates,.*\n0,.*,2,soft,0,4,2,1,0,0,clipped,0,mean\n1,/s,
    );
    // What the run has not is refused at the place that asks for it.
    const tooMany = await evaluate('--planner', 'enumeration', '--set', 'planner.horizon=11');
    assert.match(tooMany.stderr, /^wm: --set planner\.horizon=11: planner\.horizon asks for more .*\n$/);
    const coloured = await evaluate('--planner', 'icem');
    assert.match(coloured.stderr, /^wm: --planner icem: planner\.name icem moves numbers in a box .*\n$/);
    assert.deepEqual([tooMany.code, coloured.code], [2, 2]);
    assert.equal(text(dir, 'episodes-cem.csv').split('\n').length, 1 + 4 + 1);
    assert.equal(text(dir, 'episodes.csv'), episodes);

    // Fewer episodes replace more only when told to, and what cannot be written is printed nevertheless.
    const table = text(dir, 'eval.csv');
    const fewer = await evaluate('--episodes', '2');
    assert.equal(fewer.code, 0);
    assert.match(fewer.stdout, /^mean over 2 seeds: .* \(2 greedy episodes each\)$/m);
    assert.equal(
      fewer.stderr,
      'runs/tiny/eval.csv holds more episodes per seed (3) and stays: what is measured is only printed; --replace replaces it, --out DIR writes elsewhere\n',
    );
    const elsewhere = await evaluate('--episodes', '3', '--out', 'kept/here');
    assert.equal(elsewhere.stderr, '');
    for (const [file, content] of Object.entries({ 'eval.csv': table, 'episodes.csv': episodes })) {
      assert.equal(text(dir, file), content);
      assert.equal(text(cwd, 'kept', 'here', file), content);
    }
    mkdirSync(path.join(dir, 'episodes.csv.tmp'));
    const hindered = await evaluate('--episodes', '2', '--replace');
    assert.equal(hindered.code, 2);
    assert.equal(hindered.stdout, fewer.stdout);
    assert.match(hindered.stderr, /^wm: runs\/tiny\/episodes\.csv: a folder stands where a file is needed/);
    assert.equal(text(dir, 'eval.csv').split('\n')[1]!.split(',')[2], '2');
    for (const suffix of ['', '-best', '-cem'])
      for (const file of ['eval', 'episodes']) rmSync(path.join(dir, `${file}${suffix}.csv`));
    rmSync(path.join(dir, 'episodes.csv.tmp'), { recursive: true });
  });

  test('a run without checkpoints says what to do, and is left as it is', async () => {
    const cwd = workplace();
    const dir = path.join(cwd, 'runs', 'renamed');
    const published = (file: string) => !file.includes('checkpoint');
    cpSync(await referenceRun(), dir, { recursive: true, filter: published });
    const before = readdirSync(dir, { recursive: true });
    const played = await run(cwd, 'eval', 'runs/renamed');
    assert.equal(played.code, 2);
    assert.equal(
      played.stderr,
      'wm: runs/renamed holds no checkpoint (published runs come without); wm train --config runs/renamed/config.yaml --runs DIR trains it in another folder\n',
    );
    // Its config's name is another: its name is where it stands.
    const trained = await run(cwd, 'train', '--config', 'runs/renamed/config.yaml');
    assert.equal(trained.code, 0, trained.stderr);
    assert.ok(
      trained.stderr.endsWith(
        'runs/renamed is finished: nothing to do; it holds no checkpoints (published runs come without), another --runs or --name trains anew\n',
      ),
      trained.stderr,
    );
    assert.deepEqual(readdirSync(dir, { recursive: true }), before);
    assert.deepEqual(readdirSync(path.join(cwd, 'runs')), ['renamed']);
    renameSync(dir, path.join(cwd, 'runs', 'my run'));
    const unnamed = await run(cwd, 'train', '--config', 'runs/my run/config.yaml');
    assert.equal(unnamed.code, 2);
    assert.match(
      unnamed.stderr,
      /runs\/my run: the folder's name is none that a run may have, .*; rename it to go on with it\n$/,
    );
  });

  test('compare prints Table 1, with each seed on request, and writes it in every format', async () => {
    const dir = await referenceRun();
    const cwd = path.dirname(path.dirname(dir));
    const { code, stdout } = await run(cwd, 'compare', 'runs/tiny', '--paper', '--out', 'table');
    assert.equal(code, 0);
    assert.match(stdout, /Dream critic/);
    assert.match(stdout, /482\.7 ± 8\.4/);
    assert.deepEqual(readdirSync(path.join(cwd, 'table')).sort(), [
      ...[1, 2, 3, 4].flatMap((number) => [`figure${number}.svg`, `figure${number}.vl.json`]),
      'table1-paper.csv',
      'table1.csv',
      'table1.md',
      'table1.tex',
    ]);
    const seeds = await run(cwd, 'compare', 'runs/tiny', '--seed-values', '--json');
    assert.equal(JSON.parse(seeds.stdout).samples[0].seeds.length, 2);
  });

  test('engines names what is there', async () => {
    const { code, stdout } = await run(workplace(), 'engines', '--json');
    assert.equal(code, 0);
    const usable = JSON.parse(stdout).filter(({ usable }: { usable: boolean }) => usable);
    assert.ok(usable.some(({ engine }: { engine: string }) => engine === 'wasm'));
  });

  const onX64 = { skip: process.arch !== 'x64' && 'skipped: V8 has the flag for x64' };
  test('wasm says fused multiply-add only where it is one', onX64, async () => {
    const [node, program] = wm;
    const command = [node!, '--no-enable-fma3', program!, 'engines', '--json'];
    const { code, stdout, stderr } = await launch(command, { cwd: workplace() }).ended;
    assert.equal(code, 0, stderr);
    const wasm = JSON.parse(stdout).find(({ engine }: { engine: string }) => engine === 'wasm');
    assert.equal(wasm.detail, 'processor, WebAssembly SIMD, 1 thread');
  });
});

describe('bad input ends with one sentence, exit code 2 and nothing written', () => {
  const train = (...args: string[]) => ['train', '--config', 'tiny.yaml', ...args];
  const plan = (setting: string) => ['eval', '.', '--planner', 'cem', '--set', `planner.${setting}`];
  const cases: [string, string[], RegExp, Record<string, string>?][] = [
    ['no config', ['train'], /^wm: --config: missing; /],
    ['a missing file', ['train', '--config', 'none.yaml'], /^wm: none\.yaml: no such file; /],
    ['status of nothing', ['status', '.'], /^wm: \. holds no run, up to four folders deep; /],
    [
      'an environment half named',
      train('--set', 'environment=Breakout'),
      /got "Breakout", did you mean MinAtar\/Breakout-v0\?\n$/,
    ],
    ['a folder', ['train', '--config', '.'], /^wm: \.: is a folder, not a file; /],
    [
      'broken YAML',
      ['train', '--config', 'bad.yaml'],
      /^wm: bad\.yaml:3:1: /,
      { 'bad.yaml': 'method: vae-lstm\nseeds: [0,\n' },
    ],
    [
      'blocks of a Dreamer that are not equal',
      ['train', '--config', 'dreamer.yaml'],
      /^wm: dreamer\.yaml:3:11: model\.blocks must divide model\.deter into equal blocks \(.*\)\n$/,
      { 'dreamer.yaml': 'method: dreamer\nmodel:\n  blocks: 3\n' },
    ],
    [
      'a preset',
      ['train', '--config', 'presets/paper.yaml'],
      /^wm: presets\/paper\.yaml is a preset, .*; give a config and --preset paper\n$/,
    ],
    ['an unknown key', train('--set', 'lamda=1'), /^wm: --set lamda=1: .*did you mean.*lambda/],
    [
      'a wrong type',
      train('--set', 'lambda=high'),
      /^wm: --set lambda=high: lambda: expected a number >= 0, got "high"/,
    ],
    ['a value out of range', train('--set', 'gamma=1.5'), /^wm: --set gamma=1\.5: gamma: /],
    ['a duplicate seed', train('--seeds', '1,2,1'), /^wm: --seeds: .*1 is already/],
    [
      'an unknown environment',
      train('--set', 'environment=Pong'),
      /^wm: --set environment=Pong: .*CartPole-v1/,
    ],
    ['an unknown method', train('--set', 'method=dream'), /^wm: --set method=dream: .*vae-lstm/],
    ['an unknown engine', train('--engine', 'cuda'), /^wm: --engine: .*tensorflow/],
    ['a name that leaves the folder', train('--name', '../x'), /^wm: --name: /],
    [
      'an unknown option',
      train('--setps', '3'),
      /^error: unknown option '--setps'\n\(Did you mean --steps\?\)/,
    ],
    [
      'a bad number of workers',
      train('--workers', '0'),
      /^error: option '--workers <n>' argument '0' is invalid/,
    ],
    ['eval of no run', ['eval', '.'], /^wm: \. is no run folder: /],
    ['compare of no run', ['compare', 'nowhere'], /^wm: nowhere does not exist; give a run folder/],
    ['an unknown engine of eval', ['eval', '.', '--engine', 'gpu'], /^wm: --engine: expected auto, /],
    [
      'an unknown planner',
      ['eval', '.', '--planner', 'mcts'],
      /^error: option '--planner <name>' argument 'mcts' is invalid\. Allowed choices are cem, icem, mppi, shooting, enumeration\.\n$/,
    ],
    [
      'a setting of no planner',
      ['eval', '.', '--set', 'planner.horizon=3'],
      /^wm: --set planner\.horizon=3: there is no planner to set, name one with --planner\n$/,
    ],
    [
      'a setting that no planner has',
      plan('speed=1'),
      /^wm: --set planner\.speed=1: planner\.speed: unknown key, the planner has planner\.horizon, .*planner\.warmStart, .*planner\.execute\n$/,
    ],
    [
      'a setting of another planner',
      plan('temperature=1'),
      /^wm: --set planner\.temperature=1: planner\.temperature: a key of mppi alone, and planner\.name is cem\n$/,
    ],
    [
      'a planner named twice',
      plan('name=mppi'),
      /^wm: --set planner\.name=mppi: --planner says which planner it is; leave this out\n$/,
    ],
    [
      "a planner's setting out of range",
      plan('horizon=0'),
      /^wm: --set planner\.horizon=0: planner\.horizon: expected an integer from 1 to 1000, got 0\n$/,
    ],
    [
      'more elites than candidates',
      plan('elites=65'),
      /^wm: --set planner\.elites=65: planner\.elites must not exceed planner\.candidates, of which they are the best \(planner\.elites is 65, planner\.candidates is 64\)\n$/,
    ],
  ];
  const tried = cases.map(([what, args, message, files]) => ({ what, args, message, cwd: workplace(files) }));
  const found = tried.map(({ cwd }) => readdirSync(cwd));
  let ended: Answered[];
  before(async () => {
    ended = await runInTurn(tried);
  });
  for (const [i, { what, message, cwd }] of tried.entries()) {
    test(what, () => {
      const { code, stdout, stderr } = ended[i]!;
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /^ +at /m);
      assert.deepEqual(readdirSync(cwd), found[i]);
    });
  }

  test('a run folder of another config', async () => {
    const { cwd } = await copyOfRun();
    const { code, stderr } = await trainTiny(cwd, '--set', 'lambda=0.25');
    assert.equal(code, 2);
    assert.match(stderr, /^wm: runs\/tiny holds a run of another config \(lambda differs\); /);
  });

  test('a run folder of a newer schema', async () => {
    const { cwd, dir } = await copyOfRun();
    writeFileSync(
      path.join(dir, 'run.json'),
      text(dir, 'run.json').replace('"schemaVersion": 1', '"schemaVersion": 2'),
    );
    const refused = [train(), ['compare', 'runs/tiny']].map((args) => ({ cwd, args }));
    for (const { code, stderr } of await runInTurn(refused)) {
      assert.equal(code, 2);
      assert.match(stderr, /newer wm/);
    }
  });

  test('a folder that is no run folder', async () => {
    const cwd = workplace();
    mkdirSync(path.join(cwd, 'runs', 'tiny'), { recursive: true });
    writeFileSync(path.join(cwd, 'runs', 'tiny', 'thesis.txt'), 'precious');
    const { code, stderr } = await trainTiny(cwd);
    assert.equal(code, 2);
    assert.match(stderr, /^wm: runs\/tiny is no run folder: /);
  });

  test('both checkpoints cut short', async () => {
    const { cwd, dir } = await copyOfRun();
    for (const name of ['checkpoint.safetensors', 'checkpoint.previous.safetensors']) {
      truncateSync(path.join(dir, 'seed-0', name), 1000);
    }
    rmSync(path.join(dir, 'seed-0', 'done.json'));
    const metrics = text(dir, 'seed-0', 'metrics.csv');
    for (const args of [train(), ['eval', 'runs/tiny']]) {
      const { code, stderr } = await run(cwd, ...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^wm: runs\/tiny\/seed-0\/checkpoint\.safetensors: cut short/);
    }
    assert.equal(text(dir, 'seed-0', 'metrics.csv'), metrics);
  });
});
