/** What the reader has chosen; it is kept in the address, so that a page that is opened again shows the same. */
export interface Settings {
  /** The environment whose runs are shown; empty: that of the first run which is written, or of the first. */
  environment: string;
  axis: string;
  seeds: string;
  smoothing: string;
  /** `metrics.reward_mean`, file and column. */
  charts: string[];
  /** Folders of the runs that are shown; null: as many as there are colours, those that are written first. */
  shown: string[] | null;
}

const DEFAULT_CHARTS = [
  'metrics.reward_mean',
  'metrics.prediction_mse',
  'metrics.open_loop_mse_15',
  'losses.loss',
];

/** What the page's address says. */
export function readSettings(): Settings {
  const said = new URLSearchParams(location.hash.slice(1));
  return {
    environment: said.get('environment') ?? '',
    axis: said.get('axis') ?? 'env_step',
    seeds: said.get('seeds') ?? 'band',
    smoothing: said.get('smoothing') ?? '1',
    charts: said.has('charts') ? said.getAll('chart') : DEFAULT_CHARTS,
    shown: said.has('runs') ? said.getAll('run') : null,
  };
}

/** Puts the choice into the page's address. */
export function keepSettings({ environment, axis, seeds, smoothing, charts, shown }: Settings): void {
  const said = new URLSearchParams({ environment, axis, seeds, smoothing, charts: '' });
  for (const chart of charts) said.append('chart', chart);
  if (shown !== null) said.append('runs', '');
  for (const run of shown ?? []) said.append('run', run);
  history.replaceState(null, '', `#${said}`);
}
