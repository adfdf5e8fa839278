import { size } from '../size.ts';
import type { Kernel } from './kernel.ts';

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
