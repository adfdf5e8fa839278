import * as tf from '@tensorflow/tfjs-core';
import {
  cellsOf,
  convolvedShape,
  type ImageShape,
  patches,
  transposedConvolution,
  transposedConvolutionSpecs,
  usedByCells,
} from '../../nn/convolution.ts';
import { layer } from '../../nn/linear.ts';
import { normDense, normLayer, normLayerSpecs, TRUNCATED_NORMAL_GAIN } from '../../nn/norm-dense.ts';
import { hiddenLayers, hiddenSpecs, normMlp, normMlpSpecs } from '../../nn/norm-mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
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
 * Images, whose cells lie in [0, 1], flat as they are kept: a 3 × 3 convolution of x − ½, its channels normalised in each
 * cell, stands before the encoder's layers, and behind the decoder's one that gives as many planes, then a transposed
 * convolution and the logistic function (DreamerV3, with one stage where its images of 64 × 64 pixels ask for four).
 */
function ofImages(settings: RssmSettings, image: ImageShape): ObservationNetworks {
  const { units, encoderLayers, decoderLayers, norm, activation } = settings;
  const channels = settings.channels!;
  const planes = convolvedShape(image, channels);
  const cells = cellsOf(planes);
  const reshaped = (x: tf.Tensor, ...shape: number[]) => tf.reshape(x, [...x.shape.slice(0, -1), ...shape]);
  const flat = (x: tf.Tensor, size: number) => tf.reshape(x, [...x.shape.slice(0, -3), size]);
  const applied = (parameters: Parameters, name: string, x: tf.Tensor, inputGradient = true) =>
    normDense(x, [normLayer(parameters, name, norm)], activation, inputGradient);
  return {
    encoderSpecs: () => [
      ...usedByCells(normLayerSpecs('encoder.convolution', 9 * image[2], channels, norm), planes),
      ...hiddenSpecs('encoder', cells, { layers: encoderLayers, units }, norm),
    ],
    encode: (parameters, x) => {
      const seen = patches(tf.sub(reshaped(x, ...image), MIDDLE), false);
      const planes = applied(parameters, 'encoder.convolution', seen, false);
      return hiddenLayers(parameters, 'encoder', encoderLayers, flat(planes, cells), settings);
    },
    decoderSpecs: (features) => [
      ...hiddenSpecs('decoder', features, { layers: decoderLayers, units }, norm),
      ...normLayerSpecs('decoder.planes', units, cells, norm),
      ...usedByCells(
        transposedConvolutionSpecs('decoder.image', channels, image[2], TRUNCATED_NORMAL_GAIN),
        planes,
      ),
    ],
    decode: (parameters, features) => {
      const hidden = hiddenLayers(parameters, 'decoder', decoderLayers, features, settings);
      const made = reshaped(applied(parameters, 'decoder.planes', hidden), ...planes);
      return tf.sigmoid(
        flat(transposedConvolution(made, layer(parameters, 'decoder.image')), cellsOf(image)),
      );
    },
  };
}
