/** What is secret, and what stands in its place: the one rule for all that vxlane shows, logs and packs. */

/** In the place of a secret. */
export const SECRET_TEXT = '********';

const WORDS = [
  'pass(?:word|phrase|wd|code)',
  'secrets?',
  '(?:access|auth|api|bearer|session|http)?[-_.]?tokens?',
  'credentials?',
  'authorization',
  '(?:api|access|private|secret|preshared|pre[-_.]shared)[-_.]?keys?',
  'psk',
].join('|');
const SECRET_NAME = new RegExp(`(?:${WORDS})$`, 'i');

/** A name whose values are secret, where no table of properties says what they are: `mine/api-key`, `authorization`. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

interface Pattern {
  readonly found: RegExp;
  /** What stands there instead. */
  readonly instead: string;
}

/** What is a secret wherever it stands in a text, by its look alone. */
const PATTERNS: readonly Pattern[] = [
  // One that is cut off has no end: then nothing behind its beginning is shown.
  {
    found: /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----[\s\S]*?(?:-----END \1-----|$(?![\s\S]))/g,
    instead: `-----BEGIN $1-----${SECRET_TEXT}`,
  },
  { found: /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"<>]+@/gi, instead: `$1${SECRET_TEXT}@` },
  // With its scheme: "authorization: Basic abc".
  { found: /(authorization["']?\s*[:=]\s*["']?)(?:\w+ +)?[^\s"',;]+/gi, instead: `$1${SECRET_TEXT}` },
  { found: /\b(bearer\s+)[\w.~+/=-]{8,}/gi, instead: `$1${SECRET_TEXT}` },
  {
    found: new RegExp(`((?:${WORDS})\\\\*["']?\\s*[:=]\\s*\\\\*)(["'])(?:(?!\\2)(?:\\\\.|[^\\\\]))*(?:\\2|$)`, 'gim'),
    instead: `$1$2${SECRET_TEXT}$2`,
  },
  {
    found: new RegExp(
      `((?:${WORDS})\\\\*["']?\\s*[:=]\\s*)(?!["'\\\\]|null\\b|true\\b|false\\b)[^\\s,;&"'}\\]]+`,
      'gi',
    ),
    instead: `$1${SECRET_TEXT}`,
  },
  { found: new RegExp(`(--[\\w-]*(?:${WORDS})\\s+)(?!-)\\S+`, 'gi'), instead: `$1${SECRET_TEXT}` },
  // Curve25519, as WireGuard writes its keys.
  { found: /(?<![\w+/=])[A-Za-z0-9+/]{43}=(?![\w+/=])/g, instead: SECRET_TEXT },
];

/** The text without what looks like a secret, and how many were taken out. */
export function withoutSecretLooks(text: string): { readonly text: string; readonly removed: number } {
  let removed = 0;
  let left = text;
  for (const { found, instead } of PATTERNS) {
    left = left.replace(found, (whole: string, ...groups: unknown[]) => {
      const shown = instead.replaceAll(/\$(\d)/g, (_, index: string) => String(groups[Number(index) - 1] ?? ''));
      if (shown !== whole) removed += 1;
      return shown;
    });
  }
  return { text: left, removed };
}
