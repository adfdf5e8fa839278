export { copyRows } from './copy';
export { multiply, pack, packedBytes, workspaceBytes } from './matmul';
export { sumRows } from './reduce';
