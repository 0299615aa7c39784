/** The unit file of the service, before the eyes of systemd's own tools. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { parseOptions, splitCommand } from '../../src/cli/yargs.js';
import { read } from '../support/tree.js';

const UNIT = read('packaging/vxlane.service');
/** In tenths: what a daemon is left with that enters namespaces, loads BPF programs and gives plugins users. */
const EXPOSURE_MAX = 45;

const isHere = spawnSync('systemd-analyze', ['--version']).error === undefined;

/** systemd-analyze on the unit, with a program that is there. */
function analyze(unit: string, ...args: string[]): { status: number | null; said: string } {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-unit-'));
  try {
    const path = join(directory, 'vxlane.service');
    writeFileSync(path, unit.replaceAll('/usr/bin/vxlane', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, path], { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('vxlane.service', () => {
  describe('by systemd-analyze', { skip: isHere ? false : 'systemd-analyze is not installed' }, () => {
    test('every line of it is understood', () => {
      assert.deepEqual(analyze(UNIT, 'verify', '--man=no'), { status: 0, said: '' });
      assert.match(analyze(UNIT.replace('WatchdogSec', 'WatchSec'), 'verify', '--man=no').said, /WatchSec/);
    });

    test('it is exposed no more than its work needs', () => {
      const { status, said } = analyze(UNIT, 'security', '--offline=yes', `--threshold=${EXPOSURE_MAX}`);
      assert.equal(status, 0, said);
    });
  });

  test('it has a SystemCallFilter, with what the daemon needs beyond a common service, and no more', () => {
    const [, allowed] = /^SystemCallFilter=(.*)$/m.exec(UNIT) ?? [];
    const beyond = ['bpf', 'io_uring_enter', 'io_uring_register', 'io_uring_setup', 'pidfd_getfd', 'setns'];
    assert.deepEqual(allowed?.split(' ').toSorted(), ['@system-service', ...beyond]);
  });

  test('its commands are commands of vxlane, with options that there are', async () => {
    const lines = [...UNIT.matchAll(/^Exec\w+=\/usr\/bin\/vxlane (.*)$/gm)].map(([, line]) => line as string);
    assert.equal(lines.length, 2);
    for (const line of lines) {
      const words = line.split(' ').filter((word) => !word.startsWith('$'));
      const { name, rest } = splitCommand(words, (each) => Object.hasOwn(COMMANDS, each));
      const command = await COMMANDS[name as string]!();
      assert.doesNotThrow(() => parseOptions(command, rest), line);
    }
  });
});
