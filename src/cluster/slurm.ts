import { UserError } from '../errors.ts';
import { seedRanges } from '../words.ts';

/** What is written for Slurm and what it answers, as text: nothing here runs a program or touches a disk. */

/** An option of sbatch(1): `--key=value`, or `--key` alone. */
export interface SbatchOption {
  key: string;
  value: string | null;
}

/** Options by which tasks find their cells, go on after an interruption and are followed: theirs is to stay. */
const FIXED = [
  ...[
    'array',
    'dependency',
    'requeue',
    'no-requeue',
    'open-mode',
    'output',
    'error',
    'input',
    'wrap',
    'hold',
  ],
  // What follows a submission asks the cluster that it is typed on.
  ...['cluster', 'clusters'],
  ...['parsable', 'test-only', 'wait', 'help', 'usage', 'version'],
];

const HERE = 'a submission goes to the cluster that it is typed on, which alone can tell of it later';

/** Variables that send Slurm's programs to another cluster. */
const OTHER_CLUSTER = ['SLURM_CLUSTERS', 'SBATCH_CLUSTERS'];

/**
 * Variables that are kept from Slurm's programs: those that have sbatch wait for its job, make an array of any job, keep
 * it from being requeued or open files for it, without which it would not begin; those that choose what the others list
 * and ask; and those that would tell a job submitted from within another one of that one's restarts and task.
 */
const KEPT_FROM =
  /^(SBATCH_(WAIT|ARRAY_INX|NO_REQUEUE|REQUEUE|ERROR|INPUT)|(SQUEUE|SCANCEL|SCONTROL)_.*|SLURM_RESTART_COUNT|SLURM_ARRAY_.*)$/;

/**
 * The environment of Slurm's programs. What is an option there (`SBATCH_PARTITION`) stays, and counts where the command
 * line of sbatch says nothing.
 *
 * @throws UserError where it would have them ask another cluster.
 */
export function slurmEnvironment<T>(env: Readonly<Record<string, T>>): Record<string, T> {
  const elsewhere = OTHER_CLUSTER.find((name) => env[name]);
  if (elsewhere !== undefined) {
    throw new UserError(`${elsewhere}=${env[elsewhere]}: ${HERE}; unset it, and submit there`);
  }
  return Object.fromEntries(Object.entries(env).filter(([name]) => !KEPT_FROM.test(name)));
}

/** Where a job may run and who pays for it: as true of the job that compares as of the array. */
const COMMON = ['partition', 'account', 'qos', 'reservation'];

/** @throws UserError where `text` is no `key=value` that sbatch could take from a script. */
export function parseSbatchOption(text: string): SbatchOption {
  const [, key, value] = /^(?:--)?([a-z][a-z0-9-]*)(?:=(.+))?$/s.exec(text) ?? [];
  if (key === undefined) {
    throw new UserError(
      `--slurm ${text}: expected key=value, a long option of sbatch such as partition=gpu, time=04:00:00 or mem=4G`,
    );
  }
  if (FIXED.includes(key)) {
    throw new UserError(
      key.startsWith('cluster')
        ? `--slurm ${text}: ${HERE}; leave it out, and submit there`
        : `--slurm ${text}: ${key} is wm's to set in the scripts; leave it out`,
    );
  }
  // sbatch takes the beginning of a long option for it.
  const fixed = FIXED.find((name) => name.startsWith(key));
  if (fixed !== undefined) {
    throw new UserError(
      `--slurm ${text}: sbatch would take ${key} for ${fixed}; give another option, by its whole name`,
    );
  }
  // In a script sbatch ends an option at a space and a line at a number sign.
  if (value !== undefined && /[\s"'\\#]/.test(value)) {
    throw new UserError(`--slurm ${text}: a value without spaces, quotes, backslashes and # is expected`);
  }
  return { key, value: value ?? null };
}

/** What the tasks of an array train. */
export interface ArrayPlan {
  /** `sweep`, whose cells tasks train, or `train`. */
  command: 'sweep' | 'train';
  name: string;
  /** Absolute: what is trained, the folder above it, and the config's file. */
  folder: string;
  parent: string;
  config: string;
  /** The tasks to run, in ascending order: task t trains share t % shares of cell t / shares. */
  tasks: readonly number[];
  shares: number;
  /** Whether its cells are of several environments, which are compared in tables of their own. */
  isOverEnvironments: boolean;
  /** Most tasks at once; undefined: as many as there is room for. */
  limit: number | undefined;
  workers: number | undefined;
  /** Of a task. */
  cores: number;
  quiet: boolean;
  options: readonly SbatchOption[];
  /** Programs, absolute. */
  node: string;
  wm: string;
  /** What stands in the folder's probe file, and the host that it was written on. */
  probe: string;
  host: string;
}

/** Files of a submission, in the folder `slurm` of what is trained. */
export const SUBMISSION = {
  folder: 'slurm',
  array: 'array.sbatch',
  compare: 'compare.sbatch',
  probe: 'probe',
  logs: 'logs',
} as const;

/** How often a task requeues itself: one that never gets far enough to save would go on for ever. */
const MOST_RESTARTS = 20;

/** Seconds ahead of a time limit at which the script is told: room to save. */
const NOTICE_SECONDS = 120;

/**
 * Options of both jobs: the scripts open their logs themselves, because Slurm begins no job whose log it cannot open, and
 * says so nowhere but in its own.
 */
const QUIET: SbatchOption[] = [{ key: 'output', value: '/dev/null' }];

/** The options of the array. */
export function arrayOptions(plan: ArrayPlan): SbatchOption[] {
  const { name, limit, cores, options } = plan;
  const own = new Set(options.map(({ key }) => key));
  const defaults: SbatchOption[] = [
    { key: 'job-name', value: `wm-${name}` },
    { key: 'cpus-per-task', value: `${cores}` },
    { key: 'signal', value: `B:TERM@${NOTICE_SECONDS}` },
  ];
  return [
    ...defaults.filter(({ key }) => !own.has(key)),
    { key: 'array', value: `${indexRanges(plan.tasks)}${limit === undefined ? '' : `%${limit}`}` },
    { key: 'requeue', value: null },
    ...QUIET,
    ...options,
  ];
}

/** The options of the job that compares. */
export const compareOptions = ({ name, options }: ArrayPlan): SbatchOption[] => [
  { key: 'job-name', value: `wm-${name}-compare` },
  ...QUIET,
  ...options.filter(({ key }) => COMMON.includes(key)),
];

/** An option as a word of the command line, or of a script's lines that begin with #SBATCH. */
export const sbatchWord = ({ key, value }: SbatchOption): string =>
  `--${key}${value === null ? '' : `=${value}`}`;

/** The array script: one task a cell, or a share of a cell's seeds. */
export function arrayScript(plan: ArrayPlan): string {
  const { command, shares } = plan;
  const trained =
    command === 'sweep'
      ? `task t trains ${shares > 1 ? `share t % ${shares} of the seeds of cell t / ${shares}` : 'cell t'} of the sweep`
      : `task t trains ${shares > 1 ? `share t of ${shares} of the seeds` : 'all seeds'}`;
  return `#!/bin/bash
# By \`wm ${command} --submit slurm\`: ${trained}
# and takes no lock but its own. It may be edited and submitted again: sbatch FILE.
${directives(arrayOptions(plan))}

${variables(plan)}

# Ahead of a time limit the signal comes to this script alone.
child=
signalled=
trap 'signalled=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM

task=\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
restarts=\${SLURM_RESTART_COUNT:-0}
${beginning(plan, '"$task"', '$task.out')}
echo "task $task, restart $restarts, on \${SLURMD_NODENAME:-$(hostname)}, $(date -u +%FT%TZ)"

${trainWords(plan)} &
child=$!
[ -z "$signalled" ] || kill -TERM "$child" 2>/dev/null
wait "$child"
code=$?
# A signal ends a wait early.
while [ -n "$signalled" ]; do
  signalled=
  wait "$child"
  again=$?
  [ "$again" = 127 ] || code=$again
done
echo "task $task ended with code $code, $(date -u +%FT%TZ)"

# Saved and stopped, or ended by the signal before wm heard of it: this task, not its array, is to go on later. One that
# was cancelled, or that Slurm requeues by itself, does not run any more; 1 (a seed failed) and 2 (the command is wrong)
# would come again.
if [ "$code" = 130 ] || [ "$code" = 143 ]; then
  if [ "$restarts" -ge ${MOST_RESTARTS} ]; then
    echo "task $task was restarted $restarts times and is not requeued again" >&2
  elif scontrol -o show job "$task" | grep -q ' JobState=RUNNING '; then
    for try in 1 2 3; do
      if scontrol requeue "$task"; then
        # Which ends this script.
        sleep 60
        break
      fi
      sleep 5
    done
  fi
fi
exit "$code"
`;
}

/** The script of the job that comes after the array, whatever became of its tasks. */
export function compareScript(plan: ArrayPlan): string {
  return `#!/bin/bash
# By \`wm ${plan.command} --submit slurm\`: how every seed stands, and the table of those that are finished.
# Submitted to come after the array, however that ends: sbatch --dependency=afterany:ARRAY FILE.
${directives(compareOptions(plan))}

${variables(plan)}

${beginning(plan, '"$SLURM_JOB_ID"', 'compare-$SLURM_JOB_ID.out')}
"$node" "$wm" status "$folder"
echo
exec "$node" "$wm" compare "$folder"${plan.isOverEnvironments ? ' --by-environment' : ''} --out "$folder/${SUBMISSION.folder}/compare"
`;
}

const directives = (options: readonly SbatchOption[]) =>
  options.map((option) => `#SBATCH ${sbatchWord(option)}`).join('\n');

/**
 * Looks whether the folder is the one that this was submitted from, and opens the log in it. Where it is not, the
 * sentence goes into the job's comment, and where the command was typed.
 *
 * @param job of the shell, the job's number
 * @param log of the shell, the log's name
 */
const beginning = ({ probe, host }: ArrayPlan, job: string, log: string) =>
  `
# The probe was written where this was submitted. Where it is not to be seen, the folder is this machine's own.
refuse() {
  scontrol update JobId=${job} Comment="$1" 2>/dev/null
  echo "$1" >> "$SLURM_SUBMIT_DIR/slurm-"${job}.out
  exit 2
}
if [ "$(cat "$folder/${SUBMISSION.folder}/${SUBMISSION.probe}" 2>/dev/null)" != ${quoted(probe)} ]; then
  refuse "wm: $folder is not shared: what "${quoted(host)}" wrote there is not to be seen on $(hostname); submit from a folder on a shared disk"
fi
log="$folder/${SUBMISSION.folder}/${SUBMISSION.logs}/${log}"
( : >> "$log" ) 2>/dev/null || refuse "wm: $log cannot be written on $(hostname); look at the disk, and submit again"
exec >> "$log" 2>&1`.trimStart();

const variables = ({ folder, node, wm }: ArrayPlan) =>
  `folder=${quoted(folder)}\nnode=${quoted(node)}\nwm=${quoted(wm)}`;

/** A word of the shell that says `text` and nothing else. */
const quoted = (text: string) => (/^[\w./=,:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

function trainWords({ command, config, parent, name, shares, workers, quiet }: ArrayPlan): string {
  const task = '$SLURM_ARRAY_TASK_ID';
  const ofSweep = command === 'sweep';
  const cell = shares > 1 ? `$((SLURM_ARRAY_TASK_ID / ${shares}))` : `"${task}"`;
  const share = ofSweep ? `$((SLURM_ARRAY_TASK_ID % ${shares}))` : `"${task}"`;
  return [
    `"$node" "$wm" ${command} --config ${quoted(config)} --runs ${quoted(parent)} --name ${quoted(name)}`,
    ...(ofSweep ? [`--cell ${cell}`] : []),
    ...(shares > 1 ? [`--seed-share ${share}/${shares}`] : []),
    ...(workers === undefined ? [] : [`--workers ${workers}`]),
    ...(quiet ? ['--quiet'] : []),
  ].join(' ');
}

/** `0-3,7,9-12` */
export const indexRanges = (indices: readonly number[]): string =>
  seedRanges(indices)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');

/** The number of a job that `sbatch --parsable` has submitted, which may name the cluster too; undefined where it says none. */
export const submittedJob = (stdout: string): string | undefined => /^(\d+)(?:;|$)/.exec(stdout.trim())?.[1];

/** Tasks that an array can have at most, as `scontrol show config` tells; undefined where it does not. */
export function mostArrayTasks(stdout: string): number | undefined {
  const size = /^MaxArraySize\s*=\s*(\d+)/m.exec(stdout)?.[1];
  // The greatest index is one less.
  return size === undefined ? undefined : Number(size);
}

/** The name of the cluster, as `scontrol show config` tells; undefined where it does not. */
export const clusterName = (stdout: string): string | undefined =>
  /^ClusterName\s*=\s*(\S+)/m.exec(stdout)?.[1];

/**
 * Whether a job waits or runs, by what `squeue --jobs` has answered; undefined where that tells nothing. A job that has
 * ended is not listed, and after some minutes (MinJobAge) not known either: any other failure is no word on the job.
 */
export function queuedBy(status: number | null, stdout: string, stderr: string): boolean | undefined {
  if (status === 0) return stdout.trim() !== '';
  return /Invalid job id/i.test(stderr) ? false : undefined;
}

/** Why a program of Slurm refuses, without the names of programs before it. */
export function refusalOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^(sbatch|scontrol|squeue|slurm_\w+)?:? ?(error|fatal): /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('Try "'));
  const verdict = lines.find((line) => /^(Batch job submission failed|allocation failure): /.test(line));
  return (verdict ?? lines[0] ?? 'it does not say why').replace(
    /^(Batch job submission failed|allocation failure): /,
    '',
  );
}
