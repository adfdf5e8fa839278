import { printable } from '../../printable.ts';
import { type CsvRow, formatRows } from '../../runs/csv.ts';
import { readRuns } from '../../runs/read.ts';
import { CRITIC, OWN } from '../../training/gradient-flow.ts';
import { counted, grouped } from '../../words.ts';
import { TASK } from '../conditions.ts';
import { formatInterval, formatNumber } from '../numbers.ts';
import { renderMarkdown, renderText } from '../render.ts';
import type { Section, Table } from '../sections.ts';
import { type MeasuredRun, measuredRuns } from './measured.ts';
import { type FlowMean, flowMeans, type OverSeeds } from './parts.ts';

/** The gradients of some runs, as data and in every format. */
export interface GradientTables {
  runs: MeasuredRun[];
  data: { runs: { label: string; run: string; seeds: number[]; means: FlowMean[] }[]; notes: string[] };
  text: string;
  /** Contents by file name. */
  files: Record<string, string>;
}

const HOW =
  "Norms are L2, of the losses with their weights, before clipping. Share: the critic's norm over that of the sum of the " +
  "model's own losses; cosine: of these two gradients, and in the lower table of each loss and the critic. Of each seed the " +
  'mean over the updates that were measured, then over seeds; 95 % interval of that mean by percentile bootstrap, too ' +
  'narrow of few seeds.';

/**
 * How the critic's gradient stands to those of the model's own losses, part by part of the training, in all finished runs
 * among `dirs` that measured it; nothing is written.
 *
 * @throws UserError where there is no such run
 */
export function gradientTables(dirs: readonly string[]): GradientTables {
  const { runs, notes: leftOut } = measuredRuns(readRuns(dirs));
  const told = runs.map((measured) => ({ measured, means: flowMeans(measured) }));
  const counts = new Set(runs.map(({ seeds }) => seeds.length));
  const notes = [
    HOW,
    ...(counts.size > 1
      ? [
          `Not the same number of seeds: ${runs.map(({ label, seeds }) => `${label} ${seeds.length}`).join('; ')}.`,
        ]
      : []),
    ...leftOut,
  ];
  const sections: Section[] = [
    ...told.map(({ measured, means }) => ({
      tables: [criticTable(measured, means), lossTable(measured, means)],
      notes: [about(measured)],
    })),
    { tables: [], notes },
  ];
  return {
    runs,
    data: {
      runs: told.map(({ measured, means }) => ({
        label: measured.label,
        run: printable(measured.run.name),
        seeds: measured.seeds.map(({ seed }) => seed),
        means,
      })),
      notes,
    },
    text: renderText(sections),
    files: { 'gradient-flow.csv': csvOf(told), 'gradient-flow.md': renderMarkdown(sections) },
  };
}

/** What a run's numbers are of: `Dream critic: CartPole-v1, 10 seeds, measured every 100 of 12,250 updates.` */
function about({ label, run, seeds, updates, isCutOff }: MeasuredRun): string {
  const { experiment } = run;
  const words = [
    TASK.of(experiment),
    counted(seeds.length, 'seed'),
    `measured every ${grouped(experiment.gradients!.every)} of ${grouped(updates)} updates`,
  ];
  const cut = isCutOff ? "; the critic's gradient is cut off in training, and told as what it would be" : '';
  return `${label}: ${words.join(', ')}${cut}.`;
}

/** The critic's gradient beside that of the model's own losses, in the modules that it reaches. */
function criticTable(measured: MeasuredRun, means: readonly FlowMean[]): Table {
  const rows = measured.modules.flatMap((module) =>
    means
      .filter((each) => each.term === CRITIC && each.module === module && each.part > 0)
      .map(({ part, from, to, norm, share }) => {
        const own = means.find((each) => each.term === OWN && each.module === module && each.part === part);
        return [
          module,
          `${grouped(from)}–${grouped(to)}`,
          formatNumber('error', norm.mean),
          formatNumber('error', own?.norm.mean ?? null),
          ...estimate('error', share),
          ...estimate('pure', own?.cosine),
        ];
      }),
  );
  return {
    head: [
      measured.label,
      ...['Updates', 'Critic', 'Model', 'Share', '95 % interval', 'Cosine', '95 % interval'],
    ],
    numeric: [false, ...Array(7).fill(true)],
    rows,
  };
}

/** Every loss in the modules that the critic reaches, over the whole training. */
function lossTable({ modules, terms }: MeasuredRun, means: readonly FlowMean[]): Table {
  const at = (term: string, module: string) =>
    means.find((each) => each.part === 0 && each.term === term && each.module === module);
  return {
    head: ['Whole training', ...modules.flatMap((module) => [module, 'cosine'])],
    numeric: [false, ...modules.flatMap(() => [true, true])],
    rows: terms.map((term) => [
      term,
      ...modules.flatMap((module) => {
        const found = at(term, module);
        return [
          formatNumber('error', found?.norm.mean ?? null),
          formatNumber('pure', found?.cosine.mean ?? null),
        ];
      }),
    ]),
  };
}

const estimate = (unit: 'error' | 'pure', over: OverSeeds | undefined): [string, string] => [
  formatNumber(unit, over?.mean ?? null),
  formatInterval(unit, over?.interval ?? null),
];

function csvOf(told: readonly { measured: MeasuredRun; means: readonly FlowMean[] }[]): string {
  const rows = told.flatMap(({ measured: { label, run }, means }) =>
    means.map(
      ({ term, module, part, from, to, norm, cosine, share }): CsvRow => ({
        ...{ label, run: printable(run.name), environment: run.experiment.environment },
        ...{ term, module, part: part === 0 ? 'whole' : part, from_update: from, to_update: to },
        seeds: norm.seeds,
        ...columns('norm', norm),
        ...columns('cosine', cosine),
        cosine_seeds: cosine.seeds,
        ...columns('share', share),
      }),
    ),
  );
  return formatRows(rows);
}

const columns = (name: string, { mean, interval }: OverSeeds): CsvRow => ({
  [`${name}_mean`]: mean,
  [`${name}_low`]: interval?.low ?? null,
  [`${name}_high`]: interval?.high ?? null,
});
