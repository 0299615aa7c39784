import { choiceBad } from '../../errors.js';
import { defineCommand } from '../command.js';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.js';

export const completion = defineCommand({
  name: 'completion',
  sentence: 'Print what makes a shell complete commands, options, names and properties: bash, zsh or fish.',
  options: {},
  positionals: {
    shell: { label: 'SHELL', what: 'shell', completes: SHELLS },
    words: { label: 'WORD', what: 'word', rest: true },
  },
  example: 'source <(vxlane completion bash)',
  async run({ shell, words }, { print, commands, socket }) {
    if (!isShell(shell)) throw choiceBad('shell', shell, SHELLS);
    if (words.length === 0) {
      print(SCRIPTS[shell]);
      return 0;
    }
    const { candidatesFor } = await import('../completion/candidates.js');
    // Who presses a key wants names, or nothing: no message in the middle of the line.
    const candidates = await candidatesFor(words, { commands, socket }).catch(() => []);
    const lineOf = ({ text, help }: (typeof candidates)[number]) =>
      shell === 'bash' || help === undefined ? `${text}\n` : `${text}\t${help}\n`;
    print(candidates.map(lineOf).join(''));
    return 0;
  },
});

const isShell = (text: string): text is Shell => (SHELLS as readonly string[]).includes(text);
