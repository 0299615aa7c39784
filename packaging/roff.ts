/** Manual pages in the language of man(7), from plain text: whatever the text, none of it is taken for a macro. */

/** A paragraph, a list of terms with what they mean, or lines to be shown as they are. */
export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'terms'; readonly terms: readonly Term[] }
  | { readonly kind: 'example'; readonly lines: readonly string[] };

export interface Term {
  /** Marked up by {@link bold} and {@link italic}. */
  readonly term: string;
  readonly text: string;
}

export interface Page {
  /** As in `man NAME`. */
  readonly name: string;
  readonly section: 1 | 5;
  /** Names the program and its version, at the foot. */
  readonly source: string;
  /** What `whatis` shows. */
  readonly sentence: string;
  /** Marked up. */
  readonly synopsis: string;
  readonly sections: readonly (readonly [title: string, blocks: readonly Block[]])[];
}

export const bold = (text: string): string => `\\fB${escaped(text)}\\fR`;
export const italic = (text: string): string => `\\fI${escaped(text)}\\fR`;

/** What groff makes typographic signs of, by default: copied from the page, `--option` and `'text'` would be others. */
const AS_TYPED: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

/** Text that is shown as it is. */
export function escaped(text: string): string {
  return [...text]
    .map((letter) => {
      const code = letter.codePointAt(0) as number;
      const plain = code < 0x80 ? letter : `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`;
      return AS_TYPED[letter] ?? plain;
    })
    .join('');
}

/** A line that begins with a dot would be a macro. */
const line = (markedUp: string): string =>
  `${markedUp.startsWith('.') ? '\\&' : ''}${markedUp.replaceAll('\n', ' ')}\n`;

/** An argument of a macro; `""` is a quotation mark in it. */
const argument = (text: string): string => `"${escaped(text).replaceAll('"', '""')}"`;

export function roffOf({ name, section, source, sentence, synopsis, sections }: Page): string {
  const head = [name.toUpperCase(), String(section), '', source].map(argument).join(' ');
  return [
    `.TH ${head}\n.nh\n.ad l\n`,
    `.SH NAME\n${line(`${escaped(name)} \\- ${escaped(sentence.replace(/\.$/, ''))}`)}`,
    `.SH SYNOPSIS\n${line(synopsis)}`,
    ...sections.map(([title, blocks]) => `.SH ${argument(title)}\n${blocks.map(blockOf).join('')}`),
  ].join('');
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `.PP\n${line(escaped(block.text))}`;
    case 'terms':
      return block.terms.map(({ term, text }) => `.TP\n${line(term)}${line(escaped(text))}`).join('');
    case 'example':
      return `.PP\n.RS 4\n.nf\n${block.lines.map((each) => line(escaped(each))).join('')}.fi\n.RE\n`;
  }
}
