/** The job of a batch system that a process runs in, as its environment says. */
export interface ClusterJob {
  /** Tells it from every other job and stays when it is requeued: `slurm:CLUSTER:1234_5`, task 5 of the array 1234. */
  id: string;
  /** How often it was begun anew, after a requeue, a preemption or the loss of its node. */
  restarts: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The job that a process with this environment is a part of; null for one that no batch system has started. Of Slurm
 * alone: other systems name no attempt that could be told from the one before.
 */
export function jobOf(env: Environment): ClusterJob | null {
  const { SLURM_JOB_ID: job, SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task } = env;
  if (!job) return null;
  const id = array && task ? `${array}_${task}` : job;
  const restarts = Number(env.SLURM_RESTART_COUNT ?? 0);
  return {
    id: `slurm:${env.SLURM_CLUSTER_NAME ?? ''}:${id}`,
    restarts: Number.isInteger(restarts) ? restarts : 0,
  };
}

/** What `jobOf` has made an id of: the cluster, empty where the environment did not say, the job's number and its array's task. */
export function partsOf(id: string): { cluster: string; number: string; task: string | undefined } {
  const [, cluster = '', number = '', task] = /^slurm:(.*):(.*?)(?:_(.*))?$/s.exec(id) ?? [];
  return { cluster, number, task };
}

/** `Slurm job 1234_5` */
export function jobWords({ id }: Pick<ClusterJob, 'id'>): string {
  const { number, task } = partsOf(id);
  return `Slurm job ${number}${task === undefined ? '' : `_${task}`}`;
}

/** How many of a machine's cores are this process's to use: those of its task, where a batch system says. */
export function coresOf(env: Environment, available: number): number {
  const given = Number(env.SLURM_CPUS_PER_TASK);
  return Number.isInteger(given) && given >= 1 ? Math.min(given, available) : available;
}
