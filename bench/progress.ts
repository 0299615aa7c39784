/** A line on the terminal that the next one replaces, '' by nothing. What is no terminal gets none. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
