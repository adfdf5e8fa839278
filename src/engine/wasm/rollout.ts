import { type Kernel, size } from './kernel.ts';

/** onehot(argmax(logits + gumbel)) over the last axis; logits and gumbel of one shape. */
export const gumbelMax: Kernel = {
  name: 'GumbelMax',
  run(heap, { logits, gumbel }) {
    const { shape } = logits!;
    const choice = heap.output(shape);
    const rows = size(shape.slice(0, -1));
    heap.functions.oneHotArgMax(rows, shape.at(-1)!, heap.at(logits!), heap.at(gumbel!), heap.at(choice));
    return [choice];
  },
};

/** The λ-return backwards over the last axis, with the attribute `lambda`; all of one shape. */
export const lambdaReturn: Kernel = {
  name: 'LambdaReturn',
  run(heap, { reward, discount, nextValue }, { lambda }) {
    const { shape } = reward!;
    const returns = heap.output(shape);
    heap.functions.lambdaReturn(
      size(shape.slice(0, -1)),
      shape.at(-1)!,
      heap.at(reward!),
      heap.at(discount!),
      heap.at(nextValue!),
      lambda as number,
      heap.at(returns),
    );
    return [returns];
  },
};
