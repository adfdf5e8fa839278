import { gruShape } from '../kernel-inputs.ts';
import type { Kernel } from './kernel.ts';

/**
 * A step of the gated recurrent unit; src/nn/gru.ts has the equations.
 *
 *   inputs       gates [members, …, blocks · 3 · units / blocks], hidden [members, …, units]
 *   attributes   blocks
 *   outputs      the next hidden state
 */
export const gruStep: Kernel = {
  name: 'GruStep',
  run(heap, { gates, hidden }, { blocks }) {
    const next = heap.output(hidden!.shape);
    const [rows, units] = gruShape(hidden!, Number(blocks));
    heap.functions.gruForward(rows, units, heap.at(gates!), heap.at(hidden!), heap.at(next));
    return [next];
  },
};

/**
 *   inputs    dy and what the forward kernel was given
 *   outputs   dgates, dhidden
 */
export const gruStepGradient: Kernel = {
  name: 'GruStepGradient',
  run(heap, { dy, gates, hidden }, { blocks }) {
    const dGates = heap.output(gates!.shape);
    const dHidden = heap.output(hidden!.shape);
    const [rows, units] = gruShape(hidden!, Number(blocks));
    const [d, g, h] = [heap.at(dy!), heap.at(gates!), heap.at(hidden!)];
    heap.functions.gruBackward(rows, units, d, g, h, heap.at(dGates), heap.at(dHidden));
    return [dGates, dHidden];
  },
};
