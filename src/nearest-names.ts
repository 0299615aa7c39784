/** What was meant, perhaps. A leaf: commands, configuration files and properties ask it alike. */

/** Names of a near miss that are worth naming. */
const SUGGESTIONS_MAX = 3;

/** Names a few keystrokes away, nearest first; also those whose part after the `/` is what was typed. */
export function nearestNames(name: string, known: readonly string[]): string[] {
  const wanted = name.toLowerCase().slice(0, 80);
  const scored = known.map((each) => {
    const local = each.slice(each.indexOf('/') + 1);
    return { each, distance: Math.min(editDistance(wanted, each), editDistance(wanted, local)) };
  });
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  return scored
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ each }) => each);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
