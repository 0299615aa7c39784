/** What a plugin prints goes the way of what it logs, so that it is bounded as that is. */

type Write = (chunk: string | Uint8Array, ...rest: unknown[]) => boolean;

/** Of this thread: `print` gets what is written to stdout or stderr from now on, which takes it no further. */
export function capturePrints(print: (text: string) => void): void {
  const write: Write = (chunk, ...rest) => {
    print(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    const written = rest.at(-1);
    if (typeof written === 'function') queueMicrotask(() => written());
    return true;
  };
  for (const stream of [process.stdout, process.stderr]) stream.write = write as typeof stream.write;
}
