export { exponential } from './activations';
export { adam, norm } from './adam';
export { oneHotArgMax } from './choice';
export { copyRows, gatherRows } from './copy';
export { lstmBackward, lstmCell, lstmForward } from './lstm';
export { multiply, pack, packedBytes, workspaceBytes } from './matmul';
export { sumRows } from './reduce';
export { reluGradient } from './relu';
export { lambdaReturn } from './returns';
