/** What the command line says of configuration files. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Harness, startHarness } from '../control/harness.js';
import { programAt, type Run, vxlaneAt } from './vxlane.js';

const RIGHT = `\
overlays:
  wire0: { vni: 7, search: direct, properties: { vxlan/listen_ip: 192.0.2.1, direct/dest_ip: 192.0.2.2 } }
`;

describe('vxlane daemon --config', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-config-'));
  const path = join(directory, 'vxlane.yaml');
  const vxlane = programAt('/nonexistent/vxlane.sock');
  after(() => rmSync(directory, { recursive: true }));

  test('--check says that a file is right, and runs no daemon', async () => {
    writeFileSync(path, RIGHT);
    const stdout = `${path} is right: overlays: 1, VNICs: 0\n`;
    assert.deepEqual(await vxlane('daemon', '--config', path, '--check'), { status: 0, stdout, stderr: '' });
  });

  test('a wrong file ends it with a line a problem, before anything is touched', async () => {
    writeFileSync(path, RIGHT.replace('vni: 7', 'vni: seven').replace('192.0.2.2', 'far'));
    const stderr = `\
vxlane: ${path}:2:17: overlays.wire0.vni: is the text "seven": expected a whole number from 0 to 16777215
vxlane: ${path}:2:98: overlays.wire0.properties.direct/dest_ip: is "far": expected an IPv4 or IPv6 address
`;
    const refused = { status: 1, stdout: '', stderr };
    assert.deepEqual(await vxlane('daemon', '--config', path, '--check'), refused);
    assert.deepEqual(await vxlane('daemon', '--config', path, '--state-dir', join(directory, 'state')), refused);
  });

  for (const [what, file, reason] of [
    ['a file that is not there', join(directory, 'nix.yaml'), /cannot be read: ENOENT/],
    ['a directory', directory, /cannot be read: it is not a regular file/],
    ['what never ends', '/dev/zero', /cannot be read: it is not a regular file/],
  ] as const) {
    test(`${what} is refused`, async () => {
      const { status, stderr } = await vxlane('daemon', '--check', '--config', file);
      assert.equal(status, 1);
      assert.match(stderr, reason);
    });
  }

  test('so is one that others may write to, though it is right', async () => {
    const shared = join(directory, 'shared.yaml');
    writeFileSync(shared, RIGHT);
    chmodSync(shared, 0o664);
    assert.equal((await vxlane('daemon', '--check', '--config', shared)).status, 0, 'its own group may');
    chmodSync(shared, 0o646);
    const { status, stderr } = await vxlane('daemon', '--check', '--config', shared);
    const expected = `vxlane: ${shared}: others may write to it, by mode 0646: chmod go-w\n`;
    assert.deepEqual([status, stderr], [1, expected]);
  });

  test('so is one that is not UTF-8', async () => {
    writeFileSync(path, Buffer.from([0x61, 0x3a, 0x20, 0xff]));
    const { stderr } = await vxlane('daemon', '--check', '--config', path);
    assert.equal(stderr, `vxlane: ${path}: cannot be read: it is not UTF-8\n`);
  });
});

describe('vxlane show-config', () => {
  let harness: Harness;
  let vxlane: Run;
  before(async () => {
    harness = await startHarness();
    vxlane = vxlaneAt(harness.socket);
  });
  after(() => harness.close());

  test('without a configuration file', async () => {
    const stderr = 'vxlane: the daemon has no configuration file (see vxlane daemon --config)\n';
    assert.deepEqual(await vxlane('show-config'), { status: 1, stdout: '', stderr });
  });

  test('one that is applied, and one with problems, a row each', async () => {
    const view = { file: '/etc/vxlane.yaml', appliedAt: '2026-01-02T03:04:05.000Z' };
    harness.controller.configuration = { ...view, status: 'applied', details: [] };
    assert.equal(
      (await vxlane('show-config')).stdout,
      `\
FILE              STATUS   APPLIED                   DETAILS
/etc/vxlane.yaml  applied  2026-01-02T03:04:05.000Z  --
`,
    );
    const refused = { ...view, status: 'refused' as const, details: ['/etc/vxlane.yaml:3:5: a: b', 'overlay1: c'] };
    harness.controller.configuration = refused;
    assert.equal(
      (await vxlane('show-config', '-o', 'status,details')).stdout,
      `\
STATUS   DETAILS
refused  /etc/vxlane.yaml:3:5: a: b
refused  overlay1: c
`,
    );
    const { status, stdout } = await vxlane('show-config', '--json');
    assert.deepEqual([status, JSON.parse(stdout)], [3, refused]);
  });
});
