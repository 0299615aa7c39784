/** What may come next in a command line, whatever the shell. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { COMMON_OPTIONS } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { candidatesFor } from '../../src/cli/completion/candidates.js';
import { ALL_OVERLAY_PROPERTIES } from '../../src/overlay-properties/overlay-properties.js';
import { plugins } from '../../src/search/registry.js';
import type { Harness } from '../control/harness.js';
import { startWithObjects } from './named-objects.js';
import { vxlaneAt } from './vxlane.js';

const NOBODY = '/nonexistent/vxlane.sock';

let harness: Harness;
let files: string;

before(async () => {
  harness = await startWithObjects();
  files = mkdtempSync(join(tmpdir(), 'vxlane-completion-'));
  mkdirSync(join(files, 'hosts'));
  writeFileSync(join(files, 'hosts.json'), '');
  writeFileSync(join(files, '.hidden'), '');
});
after(async () => {
  await harness.close();
  rmSync(files, { recursive: true });
});

async function texts(...words: string[]): Promise<string[]> {
  const candidates = await candidatesFor(words, { commands: COMMANDS, socket: harness.socket });
  return candidates.map(({ text }) => text);
}

describe('commands and options', () => {
  test('every command is a candidate for the first word, and the second word of two', async () => {
    const firsts = new Set(Object.keys(COMMANDS).map((name) => name.split(' ')[0]));
    assert.deepEqual(await texts(''), [...firsts]);
    assert.deepEqual(await texts('show-'), ['show-overlay', 'show-vnic', 'show-stats', 'show-config']);
    assert.deepEqual(await texts('etcd', ''), ['import', 'export']);
    assert.deepEqual(await texts('--socket', 'x', 'lo'), ['log-level', 'lookup']);
    assert.deepEqual(await texts('no-such-command', ''), []);
  });

  test('every option of every command is a candidate, until it was given', async () => {
    for (const [name, load] of Object.entries(COMMANDS)) {
      const { options } = await load();
      const offered = await texts(...name.split(' '), '--');
      for (const option of Object.keys({ ...COMMON_OPTIONS, ...options }))
        assert.ok(offered.includes(`--${option}`), `${name} --${option}`);
    }
    assert.deepEqual(await texts('show-overlay', '--f'), ['--fma']);
    assert.deepEqual(await texts('show-overlay', '-f', '--f'), []);
    assert.deepEqual(await texts('create-overlay', '-p', 'mtu=1400', '--pr'), ['--prop']);
    assert.deepEqual(await texts('show-overlay', '--', '--f'), []);
  });

  test('a value is completed as a word of its own, and behind the name of its option', async () => {
    assert.deepEqual(await texts('daemon', '--engine', 'u'), ['uring']);
    assert.deepEqual(await texts('daemon', '--engine=u'), ['--engine=uring']);
    assert.deepEqual(await texts('create-vnic', '-m', ''), ['auto']);
    assert.deepEqual(await texts('log-level', 'd'), ['debug']);
  });
});

describe('names', () => {
  test('overlays and VNICs are those of the daemon, each once', async () => {
    assert.deepEqual(await texts('show-overlay', 'b'), ['blue', 'brown']);
    assert.deepEqual(await texts('show-overlay', 'blue', 'b'), ['brown']);
    assert.deepEqual(await texts('create-vnic', '-l', 'r'), ['red']);
    assert.deepEqual(await texts('delete-vnic', ''), ['foo0']);
    assert.deepEqual(await texts('wait', '--for', 'vnic', ''), ['blue', 'brown', 'red', 'foo0']);
    assert.deepEqual(await texts('show-stats', '--watch', 'r'), ['red']);
    assert.deepEqual(await texts('create-overlay', ''), []);
  });

  test('the daemon is the one that the line names', async () => {
    await assert.rejects(texts('--socket', NOBODY, 'show-overlay', ''), { code: 'daemon_absent' });
    const sources = { commands: COMMANDS, socket: NOBODY };
    const candidates = await candidatesFor(['show-vnic', '--socket', harness.socket, ''], sources);
    assert.deepEqual(candidates, [{ text: 'foo0', help: 'VNIC de:ad:be:ef:00:00 on blue' }]);
  });

  test('properties are those of overlays, and of the plugin that is named or of all', async () => {
    const overlays = ALL_OVERLAY_PROPERTIES.map(({ name }) => `${name}=`);
    const of = (name: string) => plugins.get(name)!.properties.map((spec) => `${spec.name}=`);
    assert.deepEqual(await texts('create-overlay', '-s', 'flood', '-p', ''), [...overlays, ...of('flood')]);
    assert.deepEqual(await texts('modify-overlay', '-p', 'direct/'), of('direct'));
    assert.deepEqual(await texts('create-overlay', '-p', 'vlan=s'), ['vlan=strip']);
    assert.deepEqual(await texts('create-overlay', '--prop=mtu=1400,vlan=s'), ['--prop=mtu=1400,vlan=strip']);
    const path = `files/config=${files}/ho`;
    assert.deepEqual((await texts('create-overlay', '-p', path)).sort(), [`${path}sts.json`, `${path}sts/`]);
  });

  test('plugins are those that are built in, and files', async () => {
    assert.deepEqual(await texts('create-overlay', '-s', 'f'), ['files', 'flood']);
    assert.deepEqual((await texts('modify-overlay', '--search', `${files}/`)).sort(), [
      `${files}/hosts.json`,
      `${files}/hosts/`,
    ]);
    assert.deepEqual(await texts('daemon', '--config', `${files}/.h`), [`${files}/.hidden`]);
  });
});

describe('vxlane completion', () => {
  test('prints candidates, with what they mean where the shell shows that', async () => {
    const run = vxlaneAt(harness.socket);
    assert.deepEqual(await run('completion', 'bash', '--', 'show-overlay', 're'), {
      status: 0,
      stdout: 'red\n',
      stderr: '',
    });
    assert.equal((await run('completion', 'fish', '--', 'show-overlay', 're')).stdout, 'red\toverlay, VNI 3\n');
    assert.equal((await run('completion', 'zsh', '--', 'daemon', '--engine', 'u')).stdout, 'uring\n');
  });

  test('is silent where nobody answers', async () => {
    const outcome = await vxlaneAt(NOBODY)('completion', 'bash', '--', 'show-overlay', '');
    assert.deepEqual(outcome, { status: 0, stdout: '', stderr: '' });
  });

  test('is silent where somebody listens and says nothing', async () => {
    const socket = join(files, 'silent.sock');
    const server = createServer((connection) => connection.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const outcome = await vxlaneAt(socket)('completion', 'bash', '--', 'show-overlay', '');
    assert.deepEqual(outcome, { status: 0, stdout: '', stderr: '' });
    await new Promise((resolve) => server.close(resolve));
  });
});
