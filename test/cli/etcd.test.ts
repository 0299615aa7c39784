/** `vxlane etcd import` and `export` against a real etcd, as a shell would run them. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { SEED_FILE } from '../../src/demo/seed.js';
import { EtcdServer, needsEtcd } from '../support/etcd.js';
import { type Outcome, outcomeOf, start } from './vxlane.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const NEW = 'de:ad:be:ef:00:03';
const PREFIX = '/vxlane/23/';

const ok = (stdout: string): Outcome => ({ status: 0, stdout, stderr: '' });

describe('vxlane etcd', { skip: needsEtcd() }, () => {
  let server: EtcdServer;
  let directory: string;
  let file: string;

  before(async () => {
    server = await EtcdServer.start();
    directory = await mkdtemp(join(tmpdir(), 'vxlane-cli-'));
    file = join(directory, 'hosts.json');
  });
  after(async () => {
    server.remove();
    await rm(directory, { recursive: true });
  });
  beforeEach(async () => {
    await server.ctl('del', '--prefix', '/');
    await writeFile(file, SEED_FILE);
  });

  const vxlane = (args: string[], env: Record<string, string> = {}) =>
    outcomeOf(start(['etcd', ...args, '--endpoints', server.endpoint, '--prefix', PREFIX], env));
  const keys = async () => [...(await server.all('/')).keys()];

  test('imports what differs, lists what would be, prunes when told', async () => {
    assert.deepEqual(await vxlane(['import', file]), ok('3 added, 0 changed, 0 removed, 0 as they were\n'));
    const value = (await server.all(PREFIX)).get(PREFIX + B)?.value;
    assert.equal(value, `{"ip":"10.88.88.70","port":4789,"arp":"10.55.55.3","ndp":"fe80::4","dhcp-proxy":"${A}"}`);
    const revision = await server.revision();
    assert.deepEqual(await vxlane(['import', file]), ok('0 added, 0 changed, 0 removed, 3 as they were\n'));
    assert.equal(await server.revision(), revision, 'nothing was written');

    const edited = JSON.parse(SEED_FILE);
    delete edited[A];
    delete edited[B]['dhcp-proxy'];
    edited[B].port = 4790;
    edited[NEW] = { ip: '10.88.88.72' };
    await writeFile(file, JSON.stringify(edited));
    await server.put(`/vxlane/24/${A}`, '{}');
    await server.put(`${PREFIX}readme`, 'not ours');
    const listed = `- ${PREFIX}${A}\n~ ${PREFIX}${B}\n+ ${PREFIX}${NEW}\n`;
    const counts = '1 added, 1 changed, 1 removed, 1 as they were\n';
    assert.deepEqual(await vxlane(['import', '--prune', '--dry-run', file]), ok(`${listed}would be ${counts}`));
    const stays = `under ${PREFIX} but not in the file: 1; --prune removes them\n`;
    assert.deepEqual(await vxlane(['import', file]), ok(`1 added, 1 changed, 0 removed, 1 as they were\n${stays}`));
    const { stdout } = await vxlane(['import', '--prune', '--json', file]);
    assert.deepEqual(JSON.parse(stdout), {
      added: [],
      changed: [],
      removed: [A],
      equal: 3,
      notInFile: [],
      dryRun: false,
    });
    const expected = [`${PREFIX}${B}`, `${PREFIX}de:ad:be:ef:00:02`, `${PREFIX}${NEW}`, `${PREFIX}readme`];
    assert.deepEqual(await keys(), [...expected, `/vxlane/24/${A}`]);
  });

  test('a file with mistakes is refused whole, all of them at once', async () => {
    await writeFile(file, SEED_FILE.replace('10.88.88.70', '10.88.88').replace('"fe80::5"', '5'));
    const { status, stdout, stderr } = await vxlane(['import', file]);
    assert.deepEqual([status, stdout], [1, '']);
    assert.equal(
      stderr,
      `vxlane: ${file}: line 11, column 23: ${B}.ip: not an IP address: "10.88.88"; ` +
        'line 17, column 24: de:ad:be:ef:00:02.ndp: expected a string or a list of strings, not a number\n',
    );
    assert.deepEqual(await keys(), []);
  });

  test('what is exported is what was imported, in more transactions than one', async () => {
    const hosts = Array.from({ length: 1000 }, (_, i) => {
      const low = [i >> 8, i & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
      return `  "02:00:00:00:${low}": {"ip":"192.0.2.${i % 200}","port":4789,"arp":"10.0.${i >> 8}.${i & 255}"}`;
    });
    const text = `{\n${hosts.join(',\n')}\n}\n`;
    await writeFile(file, text);
    assert.equal((await vxlane(['import', file])).stdout, '1000 added, 0 changed, 0 removed, 0 as they were\n');
    assert.deepEqual(await vxlane(['export']), ok(text));
    const copy = join(directory, 'copy.json');
    assert.deepEqual(await vxlane(['export', copy]), ok(''));
    assert.equal(await readFile(copy, 'utf8'), text);
  });

  test('export leaves out what is bad, names it and ends with 1; import mends it', async () => {
    await vxlane(['import', file]);
    await server.put(PREFIX + B, '{"ip": 5}');
    const { status, stdout, stderr } = await vxlane(['export']);
    assert.equal(status, 1);
    assert.equal(stderr, `vxlane: ${PREFIX}${B}.ip: expected a string, not a number\n`);
    assert.deepEqual(Object.keys(JSON.parse(stdout)), [A, 'de:ad:be:ef:00:02']);
    assert.deepEqual(await vxlane(['import', file]), ok('0 added, 1 changed, 0 removed, 2 as they were\n'));
    assert.equal((await vxlane(['export'])).status, 0);
  });

  test('the password comes from the environment', async () => {
    await server.ctl('user', 'add', 'root:root pw');
    await server.ctl('user', 'grant-role', 'root', 'root');
    await server.ctl('auth', 'enable');
    server.ctlArgs = ['--user', 'root:root pw'];
    const user = ['--username', 'root'];
    const refused = await vxlane(['import', ...user, file], { VXLANE_ETCD_PASSWORD: 'wrong' });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^vxlane: etcd import: http:\S+: etcdserver: authentication failed, invalid user ID/);
    const { stdout } = await vxlane(['import', ...user, file], { VXLANE_ETCD_PASSWORD: 'root pw' });
    assert.equal(stdout, '3 added, 0 changed, 0 removed, 0 as they were\n');
    assert.equal((await vxlane(['import', ...user, '--password', 'root pw', file])).status, 0);
  });
});

describe('vxlane etcd typed wrongly', () => {
  const cases: [args: string[], status: number, message: string][] = [
    [['etcd'], 2, 'incomplete command: etcd: expected etcd import or etcd export (see "vxlane --help")'],
    [['etcd', 'import', 'a'], 2, 'missing endpoints: give it as --endpoints URLS (see "vxlane etcd import --help")'],
    [['etcd', 'import', '--endpoints', 'http://a:1'], 2, 'missing hosts.json (see "vxlane etcd import --help")'],
    [
      ['etcd', 'export', '--endpoints', 'a', '--username', 'b', '--prefix', 'c'],
      2,
      '--endpoints: "a" is no endpoint: expected http://HOST:PORT or https://HOST:PORT; ' +
        '--prefix is "c": expected "/" at its end, before the MAC; --username needs --password ' +
        '(see "vxlane etcd export --help")',
    ],
    [
      ['etcd', 'export', '--endpoints', 'http://127.0.0.1:1'],
      1,
      'etcd export: http://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
    ],
    [['etcd', 'import', '--endpoints', 'http://a:1', '/no/file'], 1, '/no/file: cannot be read: no such file'],
  ];
  for (const [args, status, message] of cases) {
    test(args.join(' '), async () => {
      const expected = { status, stdout: '', stderr: `vxlane: ${message}\n` };
      assert.deepEqual(await outcomeOf(start(args, {})), expected);
    });
  }
});
