import * as tf from '@tensorflow/tfjs-core';
import {
  cellsOf,
  type ImageShape,
  patches,
  patchSize,
  transposedConvolution,
  transposedConvolutionSpecs,
  usedByCells,
} from '../../nn/convolution.ts';
import { layer } from '../../nn/linear.ts';
import {
  normActivation,
  normDense,
  normLayer,
  normLayerSpecs,
  normSpecs,
  TRUNCATED_NORMAL_GAIN,
} from '../../nn/norm-dense.ts';
import { hiddenLayers, hiddenSpecs, normMlp, normMlpSpecs } from '../../nn/norm-mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { namedStages, stagesBack } from '../../nn/tower.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { RssmSettings } from './settings.ts';

/** The networks between observations and states. */
export interface ObservationNetworks {
  encoderSpecs(): ParameterSpec[];
  /** e of an observation, which is data: [members, …, observation] -> [members, …, units]. */
  encode(parameters: Parameters, observation: tf.Tensor): tf.Tensor;
  /** @param features numbers of a state */
  decoderSpecs(features: number): ParameterSpec[];
  /** x̂ of states: [members, …, features] -> [members, …, observation]. */
  decode(parameters: Parameters, features: tf.Tensor): tf.Tensor;
}

export const observationNetworks = (
  settings: RssmSettings,
  { observation, image }: Pick<AgentSpaces, 'observation' | 'image'>,
): ObservationNetworks => (image ? ofImages(settings, image) : ofVectors(settings, observation));

function ofVectors(settings: RssmSettings, size: number): ObservationNetworks {
  const { units, encoderLayers, decoderLayers, norm } = settings;
  return {
    encoderSpecs: () => hiddenSpecs('encoder', size, { layers: encoderLayers, units }, norm),
    encode: (parameters, x) => hiddenLayers(parameters, 'encoder', encoderLayers, x, settings, false),
    decoderSpecs: (features) =>
      normMlpSpecs('decoder', features, { layers: decoderLayers, units }, size, settings),
    decode: (parameters, features) => normMlp(parameters, 'decoder', decoderLayers, features, settings),
  };
}

/** What is taken from every cell of an image: without it dark patches would be 0, which normalisation has no scale for. */
const MIDDLE = 0.5;

/**
 * Images, whose cells lie in [0, 1], flat as they are kept: convolutions of x − ½, their channels normalised in each cell,
 * stand before the encoder's layers, and behind the decoder's one that gives as many planes, then as many transposed
 * convolutions, normalised likewise but for the last one, and the logistic function (DreamerV3, whose images of 64 × 64
 * pixels go through four stages).
 */
function ofImages(settings: RssmSettings, image: ImageShape): ObservationNetworks {
  const { units, encoderLayers, decoderLayers, norm, activation } = settings;
  const encoder = settings.encoder!;
  const stages = namedStages('encoder.convolution', image, encoder);
  const back = stagesBack('decoder.image', image, encoder);
  const { planes } = back[0]!;
  const cells = cellsOf(planes);
  const reshaped = (x: tf.Tensor, ...shape: number[]) => tf.reshape(x, [...x.shape.slice(0, -1), ...shape]);
  const flat = (x: tf.Tensor, size: number) => tf.reshape(x, [...x.shape.slice(0, -3), size]);
  return {
    encoderSpecs: () => [
      ...stages.flatMap(({ name, kernel, image, planes }) =>
        usedByCells(normLayerSpecs(name, patchSize(kernel, image[2]), planes[2], norm), planes),
      ),
      ...hiddenSpecs('encoder', cells, { layers: encoderLayers, units }, norm),
    ],
    encode: (parameters, x) => {
      const seen = stages.reduce(
        (planes, { name, kernel }, i) =>
          normDense(patches(planes, kernel, i > 0), [normLayer(parameters, name, norm)], activation, i > 0),
        tf.sub(reshaped(x, ...image), MIDDLE) as tf.Tensor,
      );
      return hiddenLayers(parameters, 'encoder', encoderLayers, flat(seen, cells), settings);
    },
    decoderSpecs: (features) => [
      ...hiddenSpecs('decoder', features, { layers: decoderLayers, units }, norm),
      ...normLayerSpecs('decoder.planes', units, cells, norm),
      ...back.flatMap((stage, i) => [
        ...transposedConvolutionSpecs(stage.name, stage, TRUNCATED_NORMAL_GAIN),
        ...(i < back.length - 1 ? normSpecs(stage.name, stage.image[2], norm) : []),
      ]),
    ],
    decode: (parameters, features) => {
      const hidden = hiddenLayers(parameters, 'decoder', decoderLayers, features, settings);
      const first = normDense(hidden, [normLayer(parameters, 'decoder.planes', norm)], activation);
      const made = back.reduce<tf.Tensor>(
        (planes, { name, kernel }, i) => {
          const sum = transposedConvolution(planes, layer(parameters, name), kernel);
          if (i === back.length - 1) return sum;
          return normActivation(sum, norm ? parameters.get(`${name}.scale`) : undefined, activation);
        },
        reshaped(first, ...planes),
      );
      return tf.sigmoid(flat(made, cellsOf(image)));
    },
  };
}
