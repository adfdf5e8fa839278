/**
 * The signals by which a terminal (Ctrl-C, closing it), a batch system or `timeout` end a program, the last two those
 * that batch systems send some time ahead. They reach the whole process group; what they mean is for the parent to decide.
 */
export const GROUP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
