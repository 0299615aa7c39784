/** Bars of a chart in the terminal. */

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `share` of a bar of `length` characters, in steps of an eighth of one, padded to `length`. */
export function bar(share: number, length: number): string {
  const eighths = Math.round(share * length * 8);
  return ('█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]!).padEnd(length);
}
