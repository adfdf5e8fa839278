import { type MethodName, methods } from '../../src/methods/index.ts';

/** The lines that a config of a method cannot do without. */
export const leastConfig = (method: MethodName): string =>
  `method: ${method}\n${methods[method].learnsOffline ? 'data: data/none\n' : ''}`;
