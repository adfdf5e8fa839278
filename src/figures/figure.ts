import type { TopLevelSpec } from 'vega-lite';

/** A figure as data: what it shows in words, and its Vega-Lite specification with the numbers in it. */
export interface Figure {
  /** Its file's name without the ending. */
  name: string;
  title: string;
  /** What is drawn, for the reader under it. */
  caption: string;
  /** What it shows, for who cannot see it: each arm's last numbers. */
  description: string;
  /** Whether it takes the whole width of a page, rather than a column. */
  wide: boolean;
  spec: TopLevelSpec;
}
