import type { MeasuredRun, Moment } from '../compare/gradients/measured.ts';
import { mean } from '../statistics.ts';
import { CRITIC, OWN } from '../training/gradient-flow.ts';
import type { Figure } from './figure.ts';
import { drawableLabels, inALine } from './labels.ts';
import { learningCurves, MOST_PANELS } from './learning-curve.ts';
import { meanWords, type Series, series } from './series.ts';
import { linearAxis, logarithmicAxis, SCHEMA } from './theme.ts';

/** Points of a curve: measured updates are taken together, each group's mean at its last step. */
const POINTS = 40;

/** The figures of measured gradients: the critic's cosine with the model's own along training, and its share. */
export function gradientFigures(runs: readonly MeasuredRun[]): Figure[] {
  const all = runs.flatMap(({ label, modules, seeds }) =>
    modules.map((module) => ({
      label: runs.length === 1 ? module : `${module}: ${label}`,
      seeds: seeds.map(({ seed, moments }) => ({ seed, module, groups: grouped(moments) })),
    })),
  );
  const labels = drawableLabels(all.map(({ label }) => label));
  const panels = all.map((panel, index) => ({ ...panel, label: labels[index]! }));
  const cut = panels.length > MOST_PANELS ? ` The first ${MOST_PANELS} of ${panels.length} panels.` : '';
  const rule = [{ y: 0, label: '' }];
  const drawn = (
    name: string,
    title: string,
    caption: string,
    data: Series,
    look: 'linear' | 'logarithmic',
  ) => {
    const ends = data.arms.map(
      (arm) => `${inALine(arm)} ends at ${meanWords(data.means.findLast((point) => point.arm === arm)!)}`,
    );
    const description = `${title}. ${ends.join('; ')}.`;
    return {
      ...{ name, title, description, wide: panels.length > 1 },
      caption: `${caption}: the mean over seeds, its bootstrap 95 % interval and each seed (faint).${cut}`,
      spec: {
        $schema: SCHEMA,
        description,
        ...learningCurves(labels, data, {
          xTitle: 'Environment steps',
          yTitle: title,
          axis: look === 'linear' ? linearAxis(data.seeds.map(({ y }) => y)) : logarithmicAxis,
          thresholds: look === 'linear' ? rule : [],
          note: () => '',
        }),
      },
    };
  };
  type Seed = (typeof panels)[number]['seeds'][number];
  const cosines = ({ module, groups }: Seed) =>
    groups.map(({ step, moments }) => ({
      x: step,
      y: mean(moments.flatMap(({ of }) => of.get(OWN)?.get(module)?.cosine ?? [])),
    }));
  const shares = ({ module, groups }: Seed) =>
    groups.map(({ step, moments }) => {
      const [critic, own] = [CRITIC, OWN].map((term) =>
        mean(moments.flatMap(({ of }) => of.get(term)?.get(module)?.norm ?? [])),
      );
      return { x: step, y: critic! / own! };
    });
  return [
    drawn(
      'gradients-cosine',
      'Cosine of the gradients',
      "Of the critic's gradient and that of the model's own losses, a module in each panel",
      series(panels, { logarithmic: false }, cosines),
      'linear',
    ),
    drawn(
      'gradients-share',
      "Critic's norm over the model's",
      "The norm of the critic's gradient over that of the model's own losses, a module in each panel",
      series(panels, { logarithmic: true }, shares),
      'logarithmic',
    ),
  ].filter(({ spec }) => spec.concat.length > 0);
}

/** Measured updates in at most so many groups of neighbours. */
function grouped(moments: readonly Moment[]): { step: number; moments: Moment[] }[] {
  const size = Math.ceil(moments.length / POINTS);
  const groups = Array.from({ length: Math.ceil(moments.length / size) }, (_, i) =>
    moments.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => ({ step: group.at(-1)!.step, moments: group }));
}
