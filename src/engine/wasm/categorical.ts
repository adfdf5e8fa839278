import { lastAxisRows, lastTwoAxesRows } from '../kernel-inputs.ts';
import type { Kernel } from './kernel.ts';

/** Categorical distributions over the last axis and two-hot encoded numbers; src/nn has the equations. */
export const distributions: readonly Kernel[] = [
  {
    name: 'MixedLogProbabilities',
    run(heap, { logits }, { mix }) {
      const logs = heap.output(logits!.shape);
      const probabilities = heap.output(logits!.shape);
      const [rows, classes] = lastAxisRows(logits!);
      const [x, y, p] = [heap.at(logits!), heap.at(logs), heap.at(probabilities)];
      heap.functions.mixedLogProbabilities(rows, classes, Number(mix), x, y, p);
      return [logs, probabilities];
    },
  },
  {
    name: 'MixedLogProbabilitiesGradient',
    run(heap, { dy, probabilities }, { mix }) {
      const dLogits = heap.output(dy!.shape);
      const [rows, classes] = lastAxisRows(dy!);
      const [d, p, to] = [heap.at(dy!), heap.at(probabilities!), heap.at(dLogits)];
      heap.functions.mixedLogProbabilitiesGradient(rows, classes, Number(mix), d, p, to);
      return [dLogits];
    },
  },
  {
    name: 'SampleCategorical',
    run(heap, { logP, uniform }) {
      const choices = heap.output(logP!.shape);
      const [rows, classes] = lastAxisRows(logP!);
      const u = uniform ? heap.at(uniform) : 0;
      heap.functions.sampleCategorical(rows, classes, heap.at(logP!), u, heap.at(choices));
      return [choices];
    },
  },
  {
    name: 'CategoricalKl',
    run(heap, { logP, logQ }) {
      const sums = heap.output(logP!.shape.slice(0, -2));
      const [rows, count] = lastTwoAxesRows(logP!);
      heap.functions.categoricalKl(rows, count, heap.at(logP!), heap.at(logQ!), heap.at(sums));
      return [sums];
    },
  },
  {
    name: 'CategoricalKlGradient',
    run(heap, { dy, logP, logQ }) {
      const dP = heap.output(logP!.shape);
      const dQ = heap.output(logQ!.shape);
      const [rows, count] = lastTwoAxesRows(logP!);
      const [d, p, q] = [heap.at(dy!), heap.at(logP!), heap.at(logQ!)];
      heap.functions.categoricalKlGradient(rows, count, d, p, q, heap.at(dP), heap.at(dQ));
      return [dP, dQ];
    },
  },
  {
    name: 'TwoHotLoss',
    run(heap, { logits, target, bins }) {
      const losses = heap.output(target!.shape);
      const deviation = heap.output(logits!.shape);
      const [rows, count] = lastAxisRows(logits!);
      const [x, numbers, b] = [heap.at(logits!), heap.at(target!), heap.at(bins!)];
      heap.functions.twoHotLoss(rows, count, x, numbers, b, heap.at(losses), heap.at(deviation));
      return [losses, deviation];
    },
  },
  {
    name: 'TwoHotMean',
    run(heap, { logits, bins }) {
      const means = heap.output(logits!.shape.slice(0, -1));
      const probabilities = heap.output(logits!.shape);
      const [rows, count] = lastAxisRows(logits!);
      const [x, b, mean] = [heap.at(logits!), heap.at(bins!), heap.at(means)];
      heap.functions.twoHotMean(rows, count, x, b, mean, heap.at(probabilities));
      return [means, probabilities];
    },
  },
];
