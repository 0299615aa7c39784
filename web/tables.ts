/** Tables that change in place: what has the focus keeps it, and a selection stays where it is. */
import { element, setText } from './dom.js';

export interface Cell {
  readonly text: string;
  /** `button`: a click on it is for whoever listens to the table; `code`: a name or an address. */
  readonly kind?: 'number' | 'code' | 'button';
  /** How good that is; the text says it too. */
  readonly tone?: 'good' | 'bad' | 'note' | 'quiet';
}

/** The first cell is the name of the row. */
export type Row = readonly Cell[];

/** More than so many are in nobody's view; a command has them all. */
export const ROWS_MAX = 200;

export const number = (value: string): Cell => ({ text: value, kind: 'number' });
export const code = (text: string): Cell => ({ text, kind: 'code' });
export const plain = (text: string): Cell => ({ text });

/** `nothing`: what stands there when there are no rows. */
export function setRows(table: HTMLTableElement, rows: readonly Row[], nothing: string): void {
  const body = table.tBodies[0] ?? table.createTBody();
  const shown = rows.slice(0, ROWS_MAX);
  if (shown.length === 0) {
    const only = body.rows[0];
    if (body.rows.length === 1 && only?.className === 'nothing' && only.textContent === nothing) return;
    const columns = String(table.tHead?.rows[0]?.cells.length ?? 1);
    body.replaceChildren(element('tr', { class: 'nothing' }, element('td', { colspan: columns }, nothing)));
    return;
  }
  if (body.rows[0]?.className === 'nothing') body.replaceChildren();
  while (body.rows.length > shown.length) body.deleteRow(-1);
  for (const [index, row] of shown.entries()) setRow(body.rows[index] ?? body.insertRow(), row);
}

function setRow(to: HTMLTableRowElement, row: Row): void {
  for (const [index, cell] of row.entries()) {
    const { text, kind, tone } = cell;
    const shape = `${kind ?? ''} ${tone ?? ''}`.trim();
    let at = to.cells[index];
    if (at === undefined) {
      at = index === 0 ? element('th', { scope: 'row' }) : element('td');
      to.append(at);
    }
    if (at.className !== shape || at.firstElementChild === null) {
      at.className = shape;
      at.replaceChildren(kind === 'button' ? element('button', { type: 'button' }) : element('span'));
    }
    setText(at.firstElementChild!, text);
  }
}

/** How many rows are not there, in words; '' when all are. */
export function leftOut(count: number, command: string): string {
  return count > ROWS_MAX ? `The first ${ROWS_MAX} of ${count}: ${command} shows all.` : '';
}
