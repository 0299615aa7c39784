import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { SEED_FILE } from '../../src/demo/seed.js';
import type { DynamicInstance } from '../../src/search/api.js';
import { files } from '../../src/search/plugins/files/files.js';
import { query, type RecordingContext, recordingContext } from './context.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const C = 'de:ad:be:ef:00:02';
const NEW = 'de:ad:be:ef:00:03';

/** The seed's file with some of its text replaced. */
function edited(...replacements: [from: string, to: string][]): string {
  return replacements.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replaceAll(from, to);
  }, SEED_FILE);
}

describe('files', () => {
  let dir: string;
  let path: string;
  let context: RecordingContext;
  let instance: DynamicInstance;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vxlane-files-'));
    path = join(dir, 'hosts.json');
    context = recordingContext();
    await writeFile(path, SEED_FILE);
    instance = files.create(context, { 'files/config': path });
  });

  afterEach(async () => {
    await instance.stop();
    await rm(dir, { recursive: true });
  });

  /** Started, and the host has asked for A, B, C and, in vain, NEW. */
  async function start(): Promise<void> {
    await instance.start();
    for (const mac of [A, B, C, NEW]) await instance.lookup(query(mac));
  }

  /** Waits until the host was told `expected`, in any order, and nothing else. */
  async function told(...expected: string[]): Promise<void> {
    for (let i = 0; i < 500 && context.calls.length < expected.length; i++) await setTimeout(20);
    assert.deepEqual(context.calls.splice(0).sort(), expected.sort());
  }

  describe('answers', () => {
    test('lookups, ARP, NDP and DHCP from the file', async () => {
      await start();
      assert.deepEqual(instance.lookup(query(B)), { target: { ip: '10.88.88.70', port: 4789 } });
      assert.equal(instance.lookup(query(NEW)), null);
      assert.deepEqual(instance.arp?.('10.55.55.4', 0), { mac: C });
      assert.equal(instance.arp?.('10.55.55.5', 0), null);
      assert.deepEqual(instance.ndp?.('fe80::3', 0), { mac: A });
      assert.equal(instance.ndp?.('fe80::6', 0), null);
      assert.equal(instance.dhcp?.(B), A);
      assert.equal(instance.dhcp?.(A), null);
      assert.deepEqual(context.calls, []);
    });

    test('warnings are logged', async () => {
      await writeFile(path, edited(['"ndp": "fe80::4",', '"ndp": "fe80::4", "colour": 1,']));
      await instance.start();
      const known = 'known are ip, port, arp, ndp, dhcp-proxy';
      assert.ok(context.logged.includes(`warn ${path}: ${B}.colour: unknown key, ignored; ${known}`));
    });
  });

  describe('start is refused', () => {
    const refused: [what: string, make: () => Promise<unknown>, problem: RegExp][] = [
      ['no file', () => unlink(path), /: cannot be read: no such file$/],
      ['a directory', () => unlink(path).then(() => mkdir(path)), /: is a directory; expected a regular file$/],
      ['a device', () => unlink(path).then(() => symlink('/dev/null', path)), /: not a regular file$/],
      [
        'a loop of links',
        () => unlink(path).then(() => symlink(path, path)),
        /: cannot be read: too many symbolic links$/,
      ],
      [
        'an empty file',
        () => writeFile(path, ''),
        /: the file is empty; expected a JSON object of MAC addresses, at least \{\}$/,
      ],
      ['bytes that are no text', () => writeFile(path, Buffer.from('{"\xff": 1}', 'latin1')), /: is not UTF-8 text$/],
      [
        'broken JSON',
        () => writeFile(path, '{\n  "a": {},\n}'),
        /: line 3, column 1: expected a key in double quotes$/,
      ],
      [
        'two wrong fields',
        () => writeFile(path, edited(['10.88.88.70', '10.88.88'], ['"fe80::5"', '5'])),
        /: line 11, column 23: de:.*01\.ip: not an IP .*; line 17, column 24: de:.*02\.ndp: expected .*/,
      ],
    ];
    for (const [what, make, problem] of refused) {
      test(what, async () => {
        await make();
        await assert.rejects(
          async () => instance.start(),
          (thrown: Error) => {
            assert.match(thrown.message, problem);
            assert.ok(thrown.message.startsWith(`files/config ${path}: `), thrown.message);
            return true;
          },
        );
      });
    }
  });

  describe('a changed file', () => {
    const moveB: [string, string] = ['10.88.88.70', '10.88.88.99'];
    const put = `put ${B} 10.88.88.99:4789`;

    const ways: [how: string, write: (text: string) => Promise<unknown>][] = [
      ['written in place', (text) => writeFile(path, text)],
      ['renamed over', (text) => writeFile(`${path}.new`, text).then(() => rename(`${path}.new`, path))],
      ['removed and made again', (text) => unlink(path).then(() => writeFile(path, text))],
      [
        'moved away and made again, as editors do that keep a backup',
        (text) => rename(path, `${path}~`).then(() => writeFile(path, text)),
      ],
      [
        'turned into a link elsewhere',
        async (text) => {
          await mkdir(join(dir, 'data'));
          await writeFile(join(dir, 'data', 'v2.json'), text);
          await symlink('data/v2.json', `${path}.link`);
          await rename(`${path}.link`, path);
        },
      ],
    ];
    for (const [how, write] of ways) {
      test(`${how}: only what differs is pushed`, async () => {
        await start();
        await write(edited(moveB));
        await told(put);
        assert.deepEqual(instance.lookup(query(B)), { target: { ip: '10.88.88.99', port: 4789 } });
      });
    }

    test('behind a link to a directory that is turned (Kubernetes ConfigMap), twice', async () => {
      await unlink(path);
      for (const [version, text] of [SEED_FILE, edited(moveB), SEED_FILE].entries()) {
        await mkdir(join(dir, `v${version}`));
        await writeFile(join(dir, `v${version}`, 'hosts.json'), text);
      }
      await symlink('v0', join(dir, '..data'));
      await symlink('..data/hosts.json', path);
      const turn = async (version: string) => {
        await symlink(version, join(dir, '..new'));
        await rename(join(dir, '..new'), join(dir, '..data'));
      };
      await start();
      await turn('v1');
      await told(put);
      await turn('v2');
      await told(`put ${B} 10.88.88.70:4789`);
    });

    test('a MAC that goes is withdrawn; one asked in vain that comes is asked again', async () => {
      await start();
      await writeFile(path, edited([C, NEW], ['10.55.55.4', '10.55.55.9'], ['fe80::5', 'fe80::9']));
      await told(`withdraw ${C}`, `withdraw ${NEW}`);
      assert.deepEqual(instance.lookup(query(NEW)), { target: { ip: '10.88.88.71', port: 4789 } });
      assert.equal(instance.arp?.('10.55.55.4', 0), null);
    });

    test('an address that another MAC owns is announced', async () => {
      await start();
      await writeFile(
        path,
        edited(['10.55.55.3', 'x'], ['10.55.55.4', '10.55.55.3'], ['"x"', '"10.55.55.4"'], ['fe80::4', 'fe80::9']),
      );
      await told(`moved 10.55.55.3 ${C}`, `moved 10.55.55.4 ${B}`);
    });

    test('nobody asked: nothing is pushed', async () => {
      await instance.start();
      await writeFile(path, edited(moveB, [C, NEW]));
      await instance.reload?.();
      assert.deepEqual(context.calls, [`moved 10.55.55.4 ${NEW}`, `moved fe80::5 ${NEW}`]);
    });

    test('that is wrong changes nothing but the health, until it is right again', async () => {
      await start();
      await writeFile(path, edited(moveB, ['fe80::5', 'fe80'], ['10.55.55.4', '10.55']));
      const problem = `line 15, column 24: ${C}.arp: not an IPv4 address: "10.55" (and 1 more)`;
      await told(`degrade files/config ${path}: ${problem}; the table read before stays in use`);
      assert.deepEqual(instance.lookup(query(B)), { target: { ip: '10.88.88.70', port: 4789 } });
      await unlink(path);
      const gone = 'cannot be read: no such file';
      await told(`degrade files/config ${path}: ${gone}; the table read before stays in use`);
      await writeFile(path, edited(moveB));
      await told('restore', put);
    });

    test('reload reads at once, also when the times say that nothing changed', async () => {
      await start();
      await writeFile(path, edited(moveB));
      await instance.reload?.();
      assert.deepEqual(context.calls, [put]);
      await instance.reload?.();
      assert.deepEqual(context.calls, [put]);
    });

    test('after stop or abort the host hears nothing more', async () => {
      await start();
      await writeFile(path, edited(moveB));
      const reload = instance.reload?.();
      context.abort();
      await reload;
      await instance.reload?.();
      assert.deepEqual(context.calls, []);
    });
  });
});
