/** The packages of which the build makes modules, in dist/packages/. */

/** CommonJS packages of a megabyte, in whose text Node would look for the exports at each start. */
export const COMMONJS = ['tfjs-core', 'tfjs-backend-cpu', 'tfjs-backend-wasm'].map(
  (name) => `@tensorflow/${name}`,
);
/** Packages of many files that a start or a worker loads. */
export const MANY_FILES = [
  '@noble/hashes/sha2.js',
  'cli-progress',
  'commander',
  'csv-parse/sync',
  'csv-stringify/sync',
  'pure-rand/distribution/uniformFloat64',
  'pure-rand/distribution/uniformInt',
  'pure-rand/generator/xoroshiro128plus',
  'yaml',
  'yaml/util',
  'zod',
];

/**
 * What the module made of a package is called, without `.js`.
 *
 * @param {string} specifier
 */
export const moduleName = (specifier) =>
  specifier
    .replace(/^@tensorflow\//, '')
    .replace(/^@|\.js$/g, '')
    .replaceAll('/', '-');
