export { copyRows } from './copy';
export { lstmBackward, lstmCell, lstmForward } from './lstm';
export { multiply, pack, packedBytes, workspaceBytes } from './matmul';
export { sumRows } from './reduce';
export { reluGradient } from './relu';
