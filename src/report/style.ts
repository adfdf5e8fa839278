import { Markup } from '../markup.ts';

/** The report's style sheet: for narrow and wide screens, light and dark, and for paper. */
export const style = new Markup(`
:root { color-scheme: light dark; --text: #1b1b1b; --faint: #5a5a5a; --line: #d0d0d0; --page: #fff; --box: #f4f4f4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --faint: #a8a8a8; --line: #444; --page: #161616; --box: #232323; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 1rem 0.25rem 0; text-align: left; vertical-align: top; white-space: nowrap; }
thead th { border-bottom: 1px solid var(--text); vertical-align: bottom; }
tbody th { font-weight: normal; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.number { text-align: right; }
.notes { padding-left: 1.2rem; color: var(--faint); font-size: 0.875rem; max-width: 60rem; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; min-width: 0; max-width: 36rem; }
figure.wide { grid-column: 1 / -1; max-width: 56rem; }
figure svg { display: block; width: 100%; height: auto; background: white; border-radius: 4px; }
figcaption { margin-top: 0.4rem; font-size: 0.875rem; color: var(--faint); }
dt { font-weight: 600; }
dd { margin: 0 0 1rem; }
pre { margin: 0.2rem 0; padding: 0.6rem 0.8rem; background: var(--box); overflow-x: auto; font-size: 0.8125rem; }
@page { margin: 15mm; }
@media print {
  :root { color-scheme: light; --text: #000; --faint: #333; --line: #bbb; --page: #fff; --box: #f4f4f4; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  figure, tr, li { break-inside: avoid; }
  .scroll, pre { overflow: visible; }
  table, .notes, figcaption { font-size: 8pt; }
  th, td { white-space: normal; padding: 1pt 8pt 1pt 0; line-height: 1.3; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8pt; }
  .figures { grid-template-columns: 1fr 1fr; }
}
`);
