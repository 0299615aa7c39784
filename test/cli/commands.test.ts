/** What each command asks of the daemon, and how it reports a refusal. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { VnicView } from '../../src/control/protocol.js';
import { type Harness, startHarness } from '../control/harness.js';
import { type Run, vxlaneAt } from './vxlane.js';

const DONE = { status: 0, stdout: '', stderr: '' };

let harness: Harness;
let vxlane: Run;
before(async () => {
  harness = await startHarness();
  vxlane = vxlaneAt(harness.socket);
});
after(() => harness.close());

const create = (name: string, ...more: string[]) =>
  vxlane('create-overlay', '-v', '23', '-e', 'vxlan', '-s', 'files', ...more, name);

test('log-level shows the level and changes it', async () => {
  assert.deepEqual(await vxlane('log-level'), { ...DONE, stdout: 'info\n' });
  assert.deepEqual(await vxlane('log-level', 'debug'), DONE);
  assert.deepEqual(await vxlane('log-level'), { ...DONE, stdout: 'debug\n' });
});

describe('overlays', { concurrency: 3 }, () => {
  test('the command of the announcement, as written', async () => {
    const typed =
      'create-overlay -v 23 -e vxlan -s files -p vxlan/listen_ip=10.88.88.69 ' +
      '-p files/config=/var/tmp/hosts.json overlay0';
    assert.deepEqual(await vxlane(...typed.split(' ')), DONE);
    assert.deepEqual(harness.controller.overlaysByName.get('overlay0')?.request, {
      name: 'overlay0',
      encap: 'vxlan',
      vni: 23,
      search: 'files',
      properties: { 'vxlan/listen_ip': '10.88.88.69', 'files/config': '/var/tmp/hosts.json' },
      temporary: false,
    });
    assert.deepEqual(await vxlane(...'create-vnic -m de:ad:be:ef:00:00 -l overlay0 foo0'.split(' ')), DONE);
    assert.equal(harness.controller.vnicsByName.get('foo0')?.mac, 'de:ad:be:ef:00:00');
    assert.deepEqual(await vxlane('delete-overlay', 'overlay0'), {
      status: 1,
      stdout: '',
      stderr: 'vxlane: overlay overlay0 has VNICs: foo0\n',
    });
    assert.deepEqual(await vxlane('delete-vnic', 'foo0'), DONE);
    assert.deepEqual(await vxlane('delete-overlay', 'overlay0'), DONE);
    assert.equal(harness.controller.overlaysByName.has('overlay0'), false);
  });

  test('several are deleted at once; what is refused is complained of, the others go', async () => {
    for (const name of ['one0', 'two0']) await create(name);
    assert.deepEqual(await vxlane('delete-overlay', 'one0', 'nix', 'two0'), {
      status: 1,
      stdout: '',
      stderr: 'vxlane: no such overlay: nix\n',
    });
    assert(!harness.controller.overlaysByName.has('two0'));
  });

  test('with --json problems are JSON, too, also that no daemon answers', async () => {
    const problems = async (...typed: string[]) => {
      const { status, stdout, stderr } = await vxlane(...typed);
      return [status, stdout, JSON.parse(stderr).error.code];
    };
    assert.deepEqual(await problems('lookup', '--json', 'nix', 'deadbeef0001'), [1, '', 'no_such_overlay']);
    assert.deepEqual(await problems('show-overlay', 'nix', '--json'), [1, '', 'no_such_overlay']);
    assert.deepEqual(await problems('show-overlay', '--json', '--frobnicate'), [2, '', 'unknown_option']);
    const absent = await vxlaneAt('/nonexistent/vxlane.sock')('show-vnic', '--json');
    assert.equal(JSON.parse(absent.stderr).error.code, 'daemon_absent');
  });

  test('long options, attached values and a name before the options', async () => {
    const typed = 'create-overlay long0 --vnetid=0 --encap=vxlan --search files --temporary --prop mtu=1400';
    assert.deepEqual(await vxlane(...typed.split(' ')), DONE);
    const { vni, temporary, properties } = harness.controller.overlaysByName.get('long0')!.request;
    assert.deepEqual([vni, temporary, properties], [0, true, { mtu: '1400' }]);
    assert.deepEqual(await vxlane('create-overlay', '-v23', '-e=vxlan', '-s', 'files', 'attached0'), DONE);
    assert.equal(harness.controller.overlaysByName.get('attached0')?.request.vni, 23);
  });

  test('properties: several in one, values with commas, equals signs and colons', async () => {
    const list = 'mtu=1400,etcd/endpoints=http://a:1,http://b:2,etcd/password=x=y,,z';
    assert.deepEqual(await create('props0', '-p', list, '-p', 'files/config=/a b'), DONE);
    assert.deepEqual(harness.controller.overlaysByName.get('props0')?.request.properties, {
      mtu: '1400',
      'etcd/endpoints': 'http://a:1,http://b:2',
      'etcd/password': 'x=y,,z',
      'files/config': '/a b',
    });
  });

  test('names that look like something else stay what they are', async () => {
    for (const name of ['true', '0x17', '1e3', '-foo']) {
      assert.deepEqual(await vxlane('create-overlay', '-v', '1', '-e', 'vxlan', '-s', 'files', '-t', '--', name), DONE);
      assert.ok(harness.controller.overlaysByName.has(name), name);
    }
    assert.equal((await vxlane('show-overlay', '-t', 'true')).status, 0);
  });
});

describe('targets and properties', { concurrency: 3 }, () => {
  test('targets: set with IPv4, IPv6 and drop, delete, flush', async () => {
    await create('targets0');
    const set = (entry: string) => vxlane('modify-overlay', '-s', entry, 'targets0');
    assert.deepEqual(await set('de:ad:be:ef:0:1=10.0.0.1:4790'), DONE);
    assert.deepEqual(await set('001122334455=[fd00::1]:4789'), DONE);
    assert.deepEqual(await set('dead.beef.0003=DROP'), DONE);
    const targets = () =>
      harness.controller.targets('targets0').targets.map(({ mac, destination }) => `${mac} ${destination}`);
    assert.deepEqual(targets(), [
      '00:11:22:33:44:55 [fd00::1]:4789',
      'de:ad:be:ef:00:01 10.0.0.1:4790',
      'de:ad:be:ef:00:03 drop',
    ]);
    assert.deepEqual(await vxlane('modify-overlay', '-d', 'DE-AD-BE-EF-00-01', 'targets0'), DONE);
    assert.equal(targets().length, 2);
    assert.deepEqual(await vxlane('modify-overlay', '-d', 'de:ad:be:ef:00:01', 'targets0'), {
      status: 1,
      stdout: '',
      stderr: 'vxlane: overlay targets0 has no target de:ad:be:ef:00:01\n',
    });
    assert.deepEqual(await vxlane('modify-overlay', '-f', 'targets0'), DONE);
    assert.deepEqual(targets(), []);
  });

  test('a frozen MAC is thawed, once', async () => {
    await create('moves0');
    const mac = 'de:ad:be:ef:00:01';
    const mover = { mac, destination: '10.0.0.1:4789', home: '10.0.0.2:4789', moves: 9 };
    harness.controller.movers.set(mac, { ...mover, state: 'frozen', frozenSeconds: 9 });
    assert.deepEqual(await vxlane('modify-overlay', '--thaw', 'DE-AD-BE-EF-00-01', 'moves0'), DONE);
    const stderr = `vxlane: ${mac} is not frozen on overlay moves0\n`;
    assert.deepEqual(await vxlane('modify-overlay', '--thaw', mac, 'moves0'), { status: 1, stdout: '', stderr });
  });

  test('the search plugin and properties change', async () => {
    await create('modify0');
    assert.deepEqual(
      await vxlane('modify-overlay', '--search', 'direct', '-p', 'direct/dest_ip=10.0.0.2', 'modify0'),
      DONE,
    );
    assert.deepEqual(await vxlane('modify-overlay', '-p', 'mtu=1300', 'modify0'), DONE);
    const { search, properties } = harness.controller.overlaysByName.get('modify0')!;
    assert.deepEqual(
      [search, Object.fromEntries(properties)],
      ['direct', { 'direct/dest_ip': '10.0.0.2', mtu: '1300' }],
    );
  });
});

describe('VNICs, lookups, refusals', { concurrency: 3 }, () => {
  test('a VNIC in a namespace, for a bridge, temporary; a MAC that looks like a number', async () => {
    await create('vnics0');
    const typed =
      'create-vnic -m 001122334455 -l vnics0 -n zlan --allow-any-mac -t --json ' +
      '-a 10.0.0.1/8,fd00::2/64 -a 10.0.0.3/8 --protection ra-guard,ip-nospoof --allowed-ips 10.0.0.0/8 ' +
      '--rate-bps 2.5G bridge0';
    const { status, stdout } = await vxlane(...typed.split(' '));
    assert.equal(status, 0);
    const made = harness.controller.vnicsByName.get('bridge0');
    assert.deepEqual(JSON.parse(stdout), made);
    assert.deepEqual(made, {
      name: 'bridge0',
      overlay: 'vnics0',
      mac: '00:11:22:33:44:55',
      interface: 'bridge0',
      mtu: 1450,
      netns: 'zlan',
      allowAnyMac: true,
      trunk: null,
      addresses: ['10.0.0.1/8', 'fd00::2/64', '10.0.0.3/8'],
      protection: ['ra-guard', 'ip-nospoof'],
      allowedIps: ['10.0.0.0/8'],
      ...{ rateBps: 2.5e9, ratePps: null, stormPps: null },
      temporary: true,
      state: 'up',
      declared: null,
    });
  });

  test('a trunk is a VNIC for each VLAN: all of them, or none', async () => {
    for (const name of ['trunk1', 'trunk2']) await create(name);
    const typed = (list: string) => `create-vnic -m 001122334460 --trunk ${list} t0`.split(' ');
    const there = () => [...harness.controller.vnicsByName.keys()].filter((name) => name.startsWith('t0'));
    const { status, stderr } = await vxlane(...typed('100=trunk1,200=nix'));
    assert.deepEqual([status, stderr, there()], [1, 'vxlane: no such overlay: nix\n', []]);
    assert.deepEqual(await vxlane(...typed('100=trunk1,0=trunk2')), DONE);
    const made = there().map((name) => harness.controller.vnicsByName.get(name)!);
    assert.deepEqual(
      made.map(({ name, overlay, trunk }) => [name, overlay, trunk]),
      [
        ['t0.100', 'trunk1', { name: 't0', vlan: 100 }],
        ['t0.0', 'trunk2', { name: 't0', vlan: 0 }],
      ],
    );
    const both = await vxlane(...typed('100=trunk1'), '-l', 'trunk1');
    assert.equal(both.status, 2);
    assert.match(both.stderr, /^vxlane: -l beside --trunk/);
  });

  test('modify-vnic changes what it is given, and none empties a list', async () => {
    await create('vnics1');
    await vxlane(...'create-vnic -m 001122334456 -l vnics1 -a 10.0.0.1/8 --protection restricted guarded0'.split(' '));
    const lists = () => {
      const { protection, allowedIps } = harness.controller.vnicsByName.get('guarded0') as VnicView;
      return [protection, allowedIps];
    };
    const modify = async (options: string) => vxlane('modify-vnic', ...options.split(' '), 'guarded0');
    const { status, stdout } = await modify(
      '--protection ip-nospoof --protection ra-guard --allowed-ips fd00::/64 --json',
    );
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), harness.controller.vnicsByName.get('guarded0'));
    assert.deepEqual(lists(), [['ip-nospoof', 'ra-guard'], ['fd00::/64']]);
    await modify('--allowed-ips none');
    assert.deepEqual(lists(), [['ip-nospoof', 'ra-guard'], []]);
    await modify('--protection none');
    assert.deepEqual(lists(), [[], []]);
    const limits = () => {
      const { rateBps, ratePps, stormPps } = harness.controller.vnicsByName.get('guarded0') as VnicView;
      return [rateBps, ratePps, stormPps];
    };
    await modify('--rate-pps 20k --storm-pps 50');
    await modify('--storm-pps none');
    assert.deepEqual(limits(), [null, 20_000, null]);
    const { status: refused, stderr } = await modify('--rate-bps fast');
    assert.equal(refused, 1);
    assert.match(stderr, /bad rateBps "fast": expected a whole number/);
  });

  test('lookup says in a sentence what happens and who says so', async () => {
    await create('lookup0');
    const { directory, alternatives } = harness.controller;
    directory.set('de:ad:be:ef:00:01', '10.0.0.1:4789').set('de:ad:be:ef:00:02', 'vnic foo0');
    directory.set('de:ad:be:ef:00:05', '10.0.0.1:4789');
    alternatives.set('de:ad:be:ef:00:05', ['10.0.0.2:4789', '10.0.0.3:4789']);
    directory.set('de:ad:be:ef:00:06', '10.0.0.1:4789');
    alternatives.set('de:ad:be:ef:00:06', null);
    await vxlane('modify-overlay', '-s', 'de:ad:be:ef:00:03=drop', 'lookup0');
    const cases: [mac: string, sentence: string][] = [
      ['01', 'go to 10.0.0.1:4789: search plugin files says so, asked just now'],
      ['02', 'are delivered to vnic foo0: a VNIC of this daemon says so, from the table'],
      ['03', 'are dropped (drop_entry): the operator says so, from the table'],
      ['04', 'are dropped (no_such_mac): search plugin files says so, asked just now'],
      [
        '05',
        'go to 10.0.0.1:4789: search plugin files says so, asked just now; ' +
          'it is said to be at 10.0.0.2:4789, 10.0.0.3:4789 too',
      ],
      [
        '06',
        'go to 10.0.0.1:4789: search plugin files says so, asked just now; ' +
          'whether it is said to be elsewhere too, the search plugin failed to say',
      ],
    ];
    for (const [byte, sentence] of cases) {
      const { status, stdout } = await vxlane('lookup', 'lookup0', `DE-AD-BE-EF-00-${byte}`);
      assert.equal(status, sentence.startsWith('are dropped') ? 3 : 0);
      assert.equal(stdout, `frames to de:ad:be:ef:00:${byte} on lookup0 ${sentence}\n`);
    }
    const { stdout } = await vxlane('lookup', '--json', 'lookup0', 'deadbeef0001');
    assert.equal(JSON.parse(stdout).destination, '10.0.0.1:4789');
  });

  test('what the daemon refuses is one line and status 1', async () => {
    const refused = (stderr: string) => ({ status: 1, stdout: '', stderr: `vxlane: ${stderr}\n` });
    assert.deepEqual(await vxlane('delete-overlay', 'nix'), refused('no such overlay: nix'));
    assert.deepEqual(await vxlane('delete-overlay', '../vnics'), refused('no such overlay: ../vnics'));
    assert.deepEqual(await vxlane('lookup', 'nix', 'deadbeef0001'), refused('no such overlay: nix'));
    assert.deepEqual(
      await create('a b'),
      refused('bad request: name: bad link name "a b": expected 1 to 15 of A-Z a-z 0-9 _ . -'),
    );
  });

  test('--socket wins over VXLANE_SOCKET, before or after the command', async () => {
    const elsewhere = vxlaneAt('/nonexistent/vxlane.sock');
    assert.equal((await elsewhere('--socket', harness.socket, 'show-vnic')).status, 0);
    assert.equal((await elsewhere('show-vnic', `--socket=${harness.socket}`)).status, 0);
    assert.equal((await elsewhere('show-vnic')).status, 4);
  });
});
