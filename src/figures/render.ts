import type { TopLevelSpec } from 'vega-lite';
import { html, Markup } from '../markup.ts';

interface TextItem {
  fontSize: number;
  limit?: number;
}

declare module 'vega' {
  /** How Vega measures text; its types leave it out. */
  const textMetrics: { width: (item: TextItem, text: unknown) => number };
}

/**
 * A Vega-Lite specification as SVG, the same bytes on every machine: text is laid out by an estimate of its width,
 * never by a canvas package that happens to be installed. Vega is loaded on the first call.
 *
 * @param description what the picture shows, for who cannot see it
 */
export async function renderSvg(spec: TopLevelSpec, description: string): Promise<Markup> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  vega.textMetrics.width = textWidth;
  // What goes wrong Vega logs, and returns the rest of the picture.
  const failures: unknown[] = [];
  const logger = vega.logger(vega.Error, 'error', (_method, _level, causes) => failures.push(...causes));
  const view = new vega.View(vega.parse(compile(spec, { logger }).spec), { renderer: 'none', logger });
  try {
    const svg = await view.toSVG();
    if (failures.length > 0) throw failures[0];
    return new Markup(svg.replace('<svg ', () => `${html`<svg role="img" aria-label="${description}" `}`));
  } finally {
    view.finalize();
  }
}

/**
 * Width of a text in CSS pixels, 0.6 of its size a character, at most the `limit` at which Vega cuts it: that of the
 * widest typeface that may stand in for Helvetica, DejaVu Sans. (Vega's own estimate, 0.8, pushes legends off the page.)
 */
function textWidth({ fontSize, limit = 0 }: TextItem, text: unknown): number {
  const width = Math.ceil(0.6 * fontSize * [...String(text ?? '')].length);
  return limit > 0 ? Math.min(width, limit) : width;
}
