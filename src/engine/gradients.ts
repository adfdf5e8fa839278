/**
 * Registers the gradients of tfjs's operations. Its package for Node that has them, @tensorflow/tfjs, brings layers,
 * converter, data and WebGL along, five times the rest; @tensorflow/tfjs-core has them in a form that Node cannot load.
 * `npm run build` bundles that form into one file; the path to it holds from src and from dist.
 */
export async function registerGradients(): Promise<void> {
  // The bundle joins the engine of the copy of tfjs that is loaded already.
  await import('@tensorflow/tfjs-core');
  await import(new URL('../../dist/engine/tfjs-gradients.js', import.meta.url).href);
}
