/** A file of the archive, before it is gathered. */

/** Of one file: more is cut, at the end of a line. */
export const PART_BYTES_MAX = 8 << 20;

export interface Part {
  /** Its path in the archive. */
  readonly name: string;
  /** What it is: a few words. */
  readonly what: string;
  /** Throws an Error that says why it cannot be had. */
  gather(): Promise<string> | string;
  /** What it says is in the order of time, so that the end is what is kept of too much. */
  readonly keepsEnd?: true;
}

/** A value of JSON that becomes a file. */
export function jsonPart(name: string, what: string, gather: () => Promise<unknown> | unknown): Part {
  return { name, what, gather: async () => `${JSON.stringify(await gather(), null, 2)}\n` };
}

/**
 * No more than so many bytes, whole lines, and what was left out in words; of a line that is cut nobody could tell any
 * more what of it is secret.
 */
export function cut(text: string, most: number, keepsEnd: boolean): { readonly text: string; readonly note: string } {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return { text, note: '' };
  if (keepsEnd) {
    const from = bytes.indexOf('\n', bytes.length - most - 1) + 1;
    const kept = from === 0 ? bytes.subarray(0, 0) : bytes.subarray(from);
    return { text: kept.toString(), note: `the last ${kept.length} of ${bytes.length} bytes` };
  }
  const kept = bytes.subarray(0, bytes.subarray(0, most).lastIndexOf('\n') + 1);
  return { text: kept.toString(), note: `the first ${kept.length} of ${bytes.length} bytes` };
}
