import { Argument, Command, CommanderError, Option } from 'commander';
import { engineNames } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import { plannerNames } from '../planning/names.ts';
import { alternatives } from '../words.ts';
import { hostInfo } from './host.ts';
import { leaveOn } from './leave.ts';
import { parseCount, parseIndex, parsePort, parseShare, parseSteps, repeated } from './option-values.ts';
import { watchOutput } from './output.ts';

/** Exit codes: 0 done, 1 a run failed, 2 the command or config is wrong, 130 interrupted after saving. */
type ExitCode = number;

/** What `--engine` takes. */
const ENGINES = alternatives(['auto', ...engineNames]);

/** The whole command line: declares the commands, runs one, sets the exit code. Each command loads on demand. */
export async function main(argv: readonly string[]): Promise<void> {
  // Node opens its debugger at this signal where nobody listens.
  leaveOn(['SIGUSR1']);
  watchOutput();
  process.exitCode = await run(argv);
}

async function run(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = 0;
  // Commander writes to the standard error what is wrong, and help that nobody has asked for.
  let isRefused = false;
  const program = new Command('wm')
    .description(
      'Trains generative world models and asks whether a reinforcement-learning signal makes them better.',
    )
    .version(hostInfo().wmVersion)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        isRefused = true;
        process.stderr.write(text);
      },
    });

  const command = (usage: string, description: string) =>
    program.command(usage).description(description).exitOverride();

  /** Both that train have the same options; a sweep's are those of each of its cells. */
  const trainingCommand = (kind: 'run' | 'sweep', usage: string, description: string, config: string) => {
    const scope = kind === 'sweep' ? ' in every cell' : '';
    return command(usage, description)
      .allowExcessArguments()
      .option('-c, --config <file>', config)
      .option('--set <key=value>', `override one config key${scope}, dotted; repeatable`, repeated, [])
      .option('--preset <name>', `lay a preset over the config${scope}; repeatable`, repeated, [])
      .option('--seeds <list>', `seeds to train${scope}, e.g. 0-4 or 0,2,7`)
      .option('--steps <n>', 'environment steps per seed')
      .option('--name <name>', `name of the ${kind}'s folder`)
      .option('--runs <dir>', `folder of ${kind} folders`, kind === 'sweep' ? 'runs/sweeps' : 'runs')
      .option('--engine <name>', `${ENGINES} (also WM_ENGINE)`)
      .option('--workers <n>', 'worker processes at once (default: one per core)', parseCount)
      .option(
        '--seed-share <i/n>',
        `train one of n shares of the seeds${scope}, 0/n the first, beside others in the same folder`,
        parseShare,
      )
      .addOption(
        new Option(
          '--submit <system>',
          `submit it as an array of jobs${kind === 'sweep' ? ', a cell each' : ''}, and return`,
        ).choices(['slurm']),
      )
      .option('--dry-run', 'write what would be submitted into the folder, and submit nothing')
      .option('--slurm <key=value>', 'an option of sbatch, e.g. partition=gpu; repeatable', repeated, [])
      .option('--array-limit <n>', 'tasks of the array at once', parseCount)
      .option('--seed-shares <n>', `tasks among which the seeds${scope} are shared (default: 1)`, parseCount)
      .option('--quiet', 'no progress, only cautions and failures')
      .option('--json', 'results as one JSON object');
  };

  trainingCommand(
    'run',
    'train',
    'train every seed of a config into runs/<name>; the same command again resumes it',
    'YAML config, a file or one of wm configs, e.g. dream.yaml',
  )
    .option('--help-config [method]', 'print every config key, or those of one method, and exit')
    .action(async (options, { args }) => {
      code = await (await import('./train.ts')).trainCommand(options, args);
    });

  trainingCommand(
    'sweep',
    'sweep',
    'train the cells of a sweep into runs/sweeps/<name>; the same command again resumes it',
    'YAML config with a key sweep, a file or one of wm configs, e.g. lambda.yaml',
  )
    .option(
      '--cell <n>',
      'train one cell alone, the first is 0, beside others in the same folder',
      parseIndex,
    )
    .action(async (options, { args }) => {
      code = await (await import('./sweep.ts')).sweepCommand(options, args);
    });

  command('list', 'how runs stand: running, interrupted, failed or done')
    .argument('[runs...]', 'run folders, or folders that hold them, up to four deep', ['runs'])
    .option('--json', 'results as one JSON object')
    .action(async (dirs, options) => {
      code = await (await import('./list.ts')).listCommand(dirs, options);
    });

  command('status <dir>', 'how every cell and seed of a sweep or run stands, who trains it and why it failed')
    .option('--json', 'results as one JSON object')
    .action(async (dir, options) => {
      code = (await import('./status.ts')).statusCommand(dir, options);
    });

  command('watch', 'follow runs in a browser as they are written: their curves, status and pictures')
    .argument('[runs...]', 'run folders, or folders that hold them, up to four deep', ['runs'])
    .option('--port <n>', 'port of the page on this machine; 0: any free one', parsePort, 8800)
    .action(async (dirs, options) => {
      code = await (await import('./watch.ts')).watchCommand(dirs, options);
    });

  command('configs', 'the configs that come with wm, which --config takes by name')
    .option('--json', 'results as JSON')
    .action(async (options) => {
      code = (await import('./configs.ts')).configsCommand(options);
    });

  const config = command('config', 'what a config says');
  config
    .command('show <file>')
    .description('every value of a config, resolved, and where it is from')
    .option('--set <key=value>', 'override one config key, dotted; repeatable', repeated, [])
    .option('--preset <name>', 'lay a preset over the config; repeatable', repeated, [])
    .option('--json', 'results as one JSON object')
    .exitOverride()
    .action(async (file, options) => {
      code = (await import('./config-show.ts')).configShowCommand(file, options);
    });

  command('schema', 'the JSON schema of config files, for editors and validators')
    .option('--sweep', 'of sweeps')
    .action(async (options) => {
      code = (await import('./schema.ts')).schemaCommand(options);
    });

  command('environments', 'the environments that a config may name, with what counts as solved')
    .option('--show <name>', 'print the map of a grid world')
    .option('--json', 'results as JSON')
    .action(async (options) => {
      code = (await import('./registries.ts')).environmentsCommand(options);
    });

  command('methods', 'the methods that a config may name, with their arms')
    .option('--json', 'results as JSON')
    .action(async (options) => {
      code = (await import('./registries.ts')).methodsCommand(options);
    });

  command('eval <run>', 'play greedy episodes with the checkpoints of a run folder')
    .option('--episodes <n>', 'episodes per seed', parseCount, 100)
    .addOption(checkpointOption())
    .addOption(
      new Option(
        '--planner <name>',
        'act by planning at every step in the model, or in its average where the method keeps one, instead of by the policy',
      ).choices(plannerNames),
    )
    .option(
      '--set <key=value>',
      "override one of the planner's settings, e.g. planner.candidates=500; repeatable",
      repeated,
      [],
    )
    .option('--out <dir>', 'write eval.csv and episodes.csv there (default: into the run folder)')
    .option('--replace', 'replace an eval.csv that holds more episodes or other seeds')
    .option('--engine <name>', `${ENGINES} (also WM_ENGINE)`)
    .option('--json', 'results as one JSON object')
    .action(async (dir, options) => {
      code = await (await import('./eval.ts')).evalCommand(dir, options);
    });

  command(
    'play <run>',
    "play a run's model in a page: its dream beside reality, by your keys or by the agent",
  )
    .option('--seed <n>', 'which seed (default: the first that has a checkpoint)', parseIndex)
    .addOption(checkpointOption())
    .option('--port <n>', 'port of 127.0.0.1 to serve it on; 0: any free one', parsePort, 0)
    .option('--web <dir>', 'write the page into a folder, for any web server, instead of serving it')
    .option('--replace', 'write into a folder that is not empty')
    .action(async (dir, options) => {
      code = await (await import('./play.ts')).playCommand(dir, options);
    });

  command(
    'film <run>',
    "film a run's policy, with its model's dream beside reality, as an animated SVG, a GIF or an MP4",
  )
    .option('--seed <n>', 'the seed to film (default: the first that has a checkpoint)', parseIndex)
    .addOption(checkpointOption())
    .option('--episodes <n>', 'episodes, one below the other', parseCount, 1)
    .option('--steps <n>', 'steps of each episode at most', parseCount, 200)
    .option('--dream-from <step>', 'the step at which the first dream begins (default: 0)', parseIndex)
    .option('--dream-every <n>', 'steps after which it begins anew, 0: never (default: 50)', parseIndex)
    .option('--strip [n]', 'n steps side by side instead, for print (default: 8)', parseCount)
    .option(
      '--out <file>',
      'the file to write: .svg, .gif or .mp4, a strip .svg or .png (default: an .svg in the run folder)',
    )
    .option('--engine <name>', `${ENGINES} (also WM_ENGINE)`)
    .action(async (dir, options) => {
      code = await (await import('./film.ts')).filmCommand(dir, options);
    });

  command(
    'collect',
    'play episodes by a mix of policies and write them as a data set, to be learnt from offline',
  )
    .option('--run <dir>', 'a run folder whose policies may act; repeatable', repeated, [])
    .option('--environment <name>', 'where to act, where no run says it')
    .option(
      '--mix <part...>',
      'who acts in which share of the steps, [RUN/]POLICY[~NOISE]=SHARE: random, controller, last or best (sampled), last-greedy, best-greedy',
      repeated,
      [],
    )
    .option('--steps <n>', 'steps of all together, at least: episodes are whole', parseSteps, 20_000)
    .requiredOption('--out <dir>', 'the folder to make')
    .option('--seed <n>', "the runs' seed that acts (default: the first that has a checkpoint)", parseIndex)
    .option('--data-seed <n>', 'seed of the episodes', parseIndex, 0)
    .option('--engine <name>', `${ENGINES} (also WM_ENGINE)`)
    .option('--json', 'results as one JSON object')
    .action(async (options) => {
      code = await (await import('./collect.ts')).collectCommand(options);
    });

  command('data <dir>', 'check a data set and say what it is: its environment, who acted, returns')
    .option('--json', 'results as one JSON object')
    .action(async (dir, options) => {
      code = (await import('./data.ts')).dataCommand(dir, options);
    });

  command('replay-failure <seed>', 'make the update again at which a loss or weight stopped being finite')
    .option('--engine <name>', `${ENGINES} (default: the one of the run)`)
    .option('--json', 'results as one JSON object')
    .action(async (dir, options) => {
      code = await (await import('./replay-failure.ts')).replayFailureCommand(dir, options);
    });

  command('compare <runs...>', 'print Table 1 of finished runs, and how sure it is')
    .option('--paper', "set the paper's printed numbers beside, with a verdict on each")
    .option('--seed-values', "print each seed's values too")
    .option('--by-environment', 'compare runs of several environments, those of each in tables of their own')
    .option('--effect <key>', 'what one key does, over all pairs of runs that differ in it alone')
    .option('--leaderboard', 'rank methods over tasks by normalised scores in place of Table 1')
    .option('--out <dir>', 'write the tables there as CSV, Markdown and LaTeX, and the figures as SVG')
    .option('--json', 'results as one JSON object')
    .action(async (dirs, options) => {
      code = await (await import('./compare.ts')).compareCommand(dirs, options);
    });

  command('gradients <runs...>', "print how the critic's gradient stands to those of the model's own losses")
    .option('--out <dir>', 'write the tables there as CSV and Markdown, and the figures as SVG')
    .option('--json', 'results as one JSON object')
    .action(async (dirs, options) => {
      code = await (await import('./gradients.ts')).gradientsCommand(dirs, options);
    });

  command('report <runs...>', 'write what was run and what came of it as one HTML page')
    .option('--paper', "set the paper's printed numbers beside, with a verdict on each")
    .option(
      '--by-environment',
      'report on runs of several environments, those of each on a page of their own',
    )
    .option('--out <file>', 'the page to write', 'report.html')
    .action(async (dirs, options) => {
      code = await (await import('./report.ts')).reportCommand(dirs, options);
    });

  command('export <runs...>', 'write the curves and pictures of runs for other programs')
    .requiredOption('--tensorboard <dir>', "TensorBoard's event files, a folder per run and seed")
    .option('--replace', 'replace the event files of an earlier export')
    .option('--json', 'results as one JSON object')
    .action(async (dirs, options) => {
      code = (await import('./export.ts')).exportCommand(dirs, options);
    });

  const engines = command('engines', 'what can compute here, and why not the rest')
    .option('--json', 'results as JSON')
    .action(async (options) => {
      code = await (await import('./engines.ts')).enginesCommand(options);
    });
  engines
    .command('build')
    .description('compile the engine native, or tensorflow against an installed Python tensorflow')
    .addArgument(new Argument('[engine]').choices(['native']))
    .option(
      '--tensorflow <dir>',
      'folder of an installed one, e.g. .venv/lib/python3.11/site-packages/tensorflow',
    )
    .exitOverride()
    .action(async (engine: 'native' | undefined, { tensorflow }) => {
      if ((engine === undefined) === (tensorflow === undefined)) {
        throw new UserError('wm engines build: give either `native` or --tensorflow with a folder');
      }
      code = await (await import('./engines.ts')).buildCommand(engine ?? { tensorflow });
    });
  engines
    .command('install')
    .description('download what an engine needs; tensorflow is some hundred megabytes')
    .addArgument(new Argument('<engine>').choices(['tensorflow']))
    .exitOverride()
    .action(async () => {
      code = await (await import('./engines.ts')).installCommand();
    });

  command('bench', 'time updates, collecting and evaluating on each engine')
    .option('-c, --config <file>', 'YAML config, e.g. configs/dream.yaml (default: every default)')
    .option('--set <key=value>', 'override one config key, dotted; repeatable', repeated, [])
    .option('--members <list>', 'members that train as one batch', '1,5,25')
    .option('--engines <list>', 'engines to time (default: those that start, cpu aside)')
    .option('--rounds <n>', 'samples of each measure', parseCount, 20)
    .option('--threads <n>', 'threads that each engine may use', parseCount, 1)
    .option('--peers', 'time JAX and PyTorch beside, on the same update', false)
    .option('--python <file>', 'the Python of the peers and of the sgemm that bounds them', 'python3')
    .option('--json', 'results as one JSON object a line', false)
    .action(async (options) => {
      code = await (await import('./bench.ts')).benchCommand(options);
    });

  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return isRefused ? 2 : 0;
    return report(error);
  }
}

/** The one place that turns errors into messages and exit codes: a user's error is a sentence, a bug keeps its stack. */
function report(error: unknown): ExitCode {
  if (error instanceof UserError) {
    process.stderr.write(`wm: ${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

const checkpointOption = () =>
  new Option('--checkpoint <which>', "each seed's last one, or that of its best evaluation")
    .choices(['last', 'best'])
    .default('last');
