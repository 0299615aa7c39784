/** Completion at the keyboard of real shells: what stands in the line after the key is what the command gets. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Harness } from '../control/harness.js';
import { until } from '../support/until.js';
import { startWithObjects } from './named-objects.js';
import { MAIN } from './vxlane.js';

/** How each is started without anybody's settings, and told to complete. */
const SHELLS = {
  bash: { command: 'bash --norc --noprofile -i', load: 'source <(vxlane completion bash)' },
  zsh: { command: 'zsh -f -i', load: 'autoload -Uz compinit; compinit -u -D; source <(vxlane completion zsh)' },
  fish: {
    command: `fish --no-config -i -C 'function fish_prompt; echo -n "> "; end'`,
    load: 'vxlane completion fish | source',
  },
} as const;

/** What is typed behind `vxlane`, `\t` being the key; and the words that the program gets. */
const CASES: [typed: string, words: string[]][] = [
  ['sta\t', ['status']],
  ['show-ov\tblu\t', ['show-overlay', 'blue']],
  ['show-overlay --fm\t red', ['show-overlay', '--fma', 'red']],
  ['delete-vnic \t', ['delete-vnic', 'foo0']],
  ['etcd imp\t', ['etcd', 'import']],
  ['daemon --engine=ur\t', ['daemon', '--engine=uring']],
  ['daemon --engine ur\t', ['daemon', '--engine', 'uring']],
  ['create-overlay -p vxlan/listen_i\t10.0.0.1 o', ['create-overlay', '-p', 'vxlan/listen_ip=10.0.0.1', 'o']],
  ['create-overlay -p vlan=st\t o', ['create-overlay', '-p', 'vlan=strip', 'o']],
  ['create-overlay -s dir\t o', ['create-overlay', '-s', 'direct', 'o']],
  ['create-overlay -p files/config=hosts/t\t o', ['create-overlay', '-p', 'files/config=hosts/three hosts.json', 'o']],
  ['daemon --config ho\tth\t', ['daemon', '--config', 'hosts/three hosts.json']],
];

describe('completion in a shell', () => {
  let harness: Harness;
  let directory: string;
  before(async () => {
    harness = await startWithObjects();
    directory = mkdtempSync(join(tmpdir(), 'vxlane-shells-'));
    execFileSync('mkdir', ['-p', join(directory, 'hosts')]);
    writeFileSync(join(directory, 'hosts', 'three hosts.json'), '');
    // Completion is the real thing; any other command writes down what it got.
    const program = `#!/bin/sh
if [ "$1" = completion ]; then exec ${process.execPath} ${MAIN} "$@"; fi
printf '%s\\n' "$@" END >> "$RECORD"
`;
    writeFileSync(join(directory, 'vxlane'), program);
    chmodSync(join(directory, 'vxlane'), 0o755);
  });
  after(async () => {
    await harness.close();
    rmSync(directory, { recursive: true });
  });

  for (const [shell, { command, load }] of Object.entries(SHELLS)) {
    const isHere = spawnSync(shell, ['--version']).error === undefined;
    test(shell, { skip: isHere ? false : `${shell} is not installed`, timeout: 120_000 }, async () => {
      const record = join(directory, `${shell}.record`);
      const env = {
        ...{ PATH: `${directory}:${process.env.PATH}`, HOME: directory, TERM: 'xterm', PS1: '> ', LC_ALL: 'C.UTF-8' },
        ...{ VXLANE_SOCKET: harness.socket, RECORD: record },
      };
      const terminal = spawn('script', ['-qefc', command, '/dev/null'], { cwd: directory, env });
      try {
        await answers(terminal, `${load}; echo LOA""DED`, 'LOADED');
        for (const [index, [typed, words]] of CASES.entries()) {
          terminal.stdin.write(`vxlane ${typed}\r`);
          const got = () => (existsSync(record) ? readFileSync(record, 'utf8').split('END\n').slice(0, -1) : []);
          await until(() => got().length > index);
          assert.deepEqual(got()[index]!.split('\n').slice(0, -1), words, typed);
        }
      } finally {
        terminal.kill('SIGKILL');
      }
    });
  }
});

/** Types a line, and waits for what it prints. */
async function answers(terminal: ChildProcessWithoutNullStreams, line: string, text: string): Promise<void> {
  let shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (more: string) => {
    shown += more;
  });
  // What is typed before the shell reads keys itself would be edited by the terminal.
  await until(() => shown.includes('> '));
  terminal.stdin.write(`${line}\r`);
  await until(() => shown.includes(text));
}
