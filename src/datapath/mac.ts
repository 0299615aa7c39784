/**
 * MAC addresses as the datapath keeps them: 48 bits, the first byte on the wire least significant, as memory has them.
 */

/** Canonical text to the number of the tables; exact, as 48 bits fit a double. */
export function macWord(mac: string): number {
  return Number.parseInt(mac.split(':').reverse().join(''), 16);
}

/** The inverse of {@link macWord}. */
export function macOfWord(word: number): string {
  return (word.toString(16).padStart(12, '0').match(/../g) as string[]).reverse().join(':');
}
