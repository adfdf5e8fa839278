import {
  type ArrayPlan,
  arrayOptions,
  clusterName,
  compareOptions,
  mostArrayTasks,
  queuedBy,
  refusalOf,
  type SbatchOption,
  sbatchWord,
  slurmEnvironment,
  submittedJob,
} from '../cluster/slurm.ts';
import { UserError } from '../errors.ts';
import { type Ran, runProgram } from './run-program.ts';

/** What Slurm's programs are asked and told. */

/**
 * The name of the cluster, where Slurm says it.
 *
 * @throws UserError where Slurm is not there, or takes no array of that many tasks.
 */
export async function requireRoom({ tasks, folder }: ArrayPlan): Promise<string | undefined> {
  const { error, stdout } = await slurm('scontrol', ['show', 'config']);
  if (error) throw noSlurm('scontrol');
  const most = mostArrayTasks(stdout);
  const last = tasks.at(-1)!;
  if (most !== undefined && last >= most) {
    throw new UserError(
      `${folder}: task ${last} is beyond the arrays of this cluster, which have tasks 0 to ${most - 1} (MaxArraySize); take fewer cells or --seed-shares`,
    );
  }
  return clusterName(stdout);
}

const noSlurm = (program: string) =>
  new UserError(
    `${program}: not found; submit on a host of a Slurm cluster, or write the scripts alone with --dry-run`,
  );

/** Whether a job is in the queue; undefined where Slurm is not here, or does not say. */
export async function queueHas(job: string): Promise<boolean | undefined> {
  const { error, status, stdout, stderr } = await askQueue(job);
  return error ? undefined : queuedBy(status, stdout, stderr);
}

const askQueue = (job: string) => slurm('squeue', ['--noheader', '--jobs', job, '--format', '%i']);

/** @throws UserError where Slurm does not say. */
export async function isQueued(job: string, dir: string): Promise<boolean> {
  const { status, stdout, stderr, error } = await askQueue(job);
  if (error) throw noSlurm('squeue');
  const isThere = queuedBy(status, stdout, stderr);
  if (isThere !== undefined) return isThere;
  throw new UserError(
    `${dir}: squeue does not say whether job ${job} still waits or runs: ${refusalOf(stderr)}; nothing was submitted, run the same command again once it answers`,
  );
}

/**
 * Submits both jobs, the array to begin later, has the folder written, and only then lets the array begin: whatever fails,
 * nothing of it stays submitted. One that was held would wait as well, but of such a job Slurm does not ask whether any
 * node could run it.
 */
export async function submitHeld(
  scripts: { array: string; compare: string },
  plan: ArrayPlan,
  write: (jobs: { array: string; compare: string }) => void,
): Promise<{ array: string; compare: string }> {
  // Who says when it is to begin is not to be overruled.
  const isDated = plan.options.some(({ key }) => key === 'begin');
  const array = await sbatch(
    scripts.array,
    arrayOptions(plan),
    [isDated ? '--hold' : '--begin=now+1hour'],
    plan,
  );
  const taken = [array];
  try {
    const after = [`--dependency=afterany:${array}`];
    const compare = await sbatch(scripts.compare, compareOptions(plan), after, plan);
    taken.push(compare);
    write({ array, compare });
    const words = isDated ? ['release', array] : ['update', `JobId=${array}`, 'StartTime=now'];
    const released = await slurm('scontrol', words);
    if (released.status !== 0) throw refused(`scontrol ${words[0]}`, released, plan);
    return { array, compare };
  } catch (error) {
    await slurm('scancel', taken);
    throw error;
  }
}

/**
 * Submits a script and gives the job's number. Its options are given on the command line too: variables (`SBATCH_SIGNAL`)
 * count more than what stands in a script.
 */
async function sbatch(
  script: string,
  options: readonly SbatchOption[],
  args: readonly string[],
  plan: ArrayPlan,
): Promise<string> {
  const words = ['--parsable', ...args, ...options.map(sbatchWord)];
  const ran = await slurm('sbatch', words, [Buffer.from(script)]);
  if (ran.error) throw noSlurm('sbatch');
  const job = ran.status === 0 ? submittedJob(ran.stdout) : undefined;
  if (job === undefined) throw refused('sbatch', ran, plan);
  return job;
}

/** Runs a program of Slurm, here and on what the command line says alone. */
const slurm = (program: string, args: readonly string[], input?: Iterable<Uint8Array>): Promise<Ran> =>
  runProgram(program, args, { env: slurmEnvironment(process.env), ...(input && { input }) });

function refused(program: string, { stderr }: Ran, { folder, options }: ArrayPlan): UserError {
  const given = options.map(({ key, value }) => (value === null ? key : `${key}=${value}`)).join(' ');
  return new UserError(
    `${folder}: ${program} refuses to take it: ${refusalOf(stderr)}; nothing was submitted, ${given === '' ? 'give what the cluster asks for with --slurm key=value' : `look at --slurm ${given}`}`,
  );
}
