import * as tf from '@tensorflow/tfjs-core';
import { type PolicyHead, policyHead } from '../../models/policy-head.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { reluTower } from '../../nn/tower.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { CloningSettings } from './settings.ts';

/** The last layer starts near zero: a policy that is uniform, or in the middle of the box, at first. */
const LAST_SCALE = 0.01;

/** The policy over an environment's observations. */
export interface Imitator {
  readonly layout: ParameterLayout;
  readonly head: PolicyHead;
  /** What the head's actions are made of, from raw observations: [members, …, observation] -> [members, …, outputs]. */
  output(policy: tf.Tensor2D, observation: tf.Tensor): tf.Tensor;
}

/** π(a | o): a softmax over choices, or a Gaussian that is clipped to the box. */
export function imitator(
  { actor: { hidden }, encoder }: Pick<CloningSettings, 'actor' | 'encoder'>,
  spaces: AgentSpaces,
): Imitator {
  const { actionSpace, observationScale } = spaces;
  const head = policyHead(actionSpace, { box: 'clipped' });
  const tower = reluTower(spaces, encoder);
  const layout = new ParameterLayout(tower.specs('actor', hidden, head.outputs, LAST_SCALE));
  return {
    layout,
    head,
    output: (policy, observation) => {
      const scaled = tf.div(observation, tf.tensor1d([...observationScale]));
      return tower.apply(layout.unpack(policy), 'actor', hidden.length, scaled);
    },
  };
}
