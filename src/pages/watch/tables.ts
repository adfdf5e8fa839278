import type { Results, TableView } from '../../watch/protocol.ts';
import { element } from '../dom.ts';

/** Table 1 of an environment and in what its runs differ, as elements. */
export function resultsElements({ tables, notes, differences }: Results): HTMLElement[] {
  const results = tables.map(tableElement);
  const none = element('p', { className: 'empty' }, 'No seed is finished yet.');
  return [
    ...(results.length > 0 ? results : [none]),
    element('ul', { className: 'notes' }, ...notes.map((note) => element('li', {}, note))),
    ...(differences.rows.length > 0 ? [tableElement(turned(differences))] : []),
  ];
}

function tableElement({ head, numeric, rows }: TableView): HTMLElement {
  const className = (column: number) => (numeric[column] ? 'number' : '');
  const titles = head.map((title, i) => element('th', { scope: 'col', className: className(i) }, title));
  const body = rows.map((row) =>
    element('tr', {}, ...row.map((cell, i) => element('td', { className: className(i) }, cell))),
  );
  const table = element(
    'table',
    {},
    element('thead', {}, element('tr', {}, ...titles)),
    element('tbody', {}, ...body),
  );
  return element('div', { className: 'scroll' }, table);
}

/** With a row for each run: there are more runs than keys in which they differ. */
function turned({ head, rows }: TableView): TableView {
  const [, ...runs] = head;
  return {
    head: ['Run', ...rows.map(([key]) => key!)],
    numeric: [false, ...rows.map(() => false)],
    rows: runs.map((run, i) => [run, ...rows.map((row) => row[i + 1]!)]),
  };
}
