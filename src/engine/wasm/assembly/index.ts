export { exponential, hyperbolicTangent, tanhGradient } from './activations';
export { adam, norm } from './adam';
export {
  categoricalKl,
  categoricalKlGradient,
  mixedLogProbabilities,
  mixedLogProbabilitiesGradient,
  sampleCategorical,
  twoHotLoss,
  twoHotMean,
} from './categorical';
export { oneHotArgMax } from './choice';
export { layPatches, takePatches } from './convolution';
export { copyRows, gatherRows } from './copy';
export { gruBackward, gruForward } from './gru';
export { adaptiveClip, laprop } from './laprop';
export { inverseTransform, standardise } from './latent';
export { lstmBackward, lstmCell, lstmForward } from './lstm';
export { multiply, pack, packedBytes, workspaceBytes } from './matmul';
export { activateRows, sumGradients } from './norm-dense';
export { sumRows } from './reduce';
export { reluGradient } from './relu';
export { lambdaReturn } from './returns';
export { scale, squaredError } from './squared-error';
