/** What operators get wrong, typed into a running daemon: one line each that says what and what would be right. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, labTest } from './support.js';

/** `command` is split at spaces; `message` must match the one line on standard error. */
interface Mistake {
  readonly name: string;
  readonly command: string;
  readonly status: 1 | 2;
  readonly message: RegExp;
}

const CREATE = 'create-overlay -v 9 -e vxlan -s direct -p vxlan/listen_ip=10.88.88.1 -p direct/dest_ip=10.88.88.2';
const FILES = 'create-overlay -v 9 -e vxlan -s files -p vxlan/listen_ip=10.88.88.1 -p files/config=';

const OVERLAY_MISTAKES: readonly Mistake[] = [
  { name: 'no command like it', command: 'crate-overlay', status: 2, message: /unknown command: crate-overlay/ },
  { name: 'no such option', command: `${CREATE} --fast ov1`, status: 2, message: /unknown option: --fast/ },
  { name: 'no name', command: CREATE, status: 2, message: /missing .*overlay/i },
  {
    name: 'a VNI that does not fit in 24 bits',
    command: CREATE.replace('-v 9', '-v 16777216').concat(' ov1'),
    status: 2,
    message: /16777216.* 0 (to|and) 16777215/,
  },
  {
    name: 'a VNI in use',
    command: `${CREATE.replace('-v 9', '-v 8')} ov1`,
    status: 1,
    message: /8 is in use by .*ov0/,
  },
  { name: 'a name in use', command: `${CREATE} ov0`, status: 1, message: /name ov0 is that of overlay ov0/ },
  { name: 'a name the kernel would refuse', command: `${CREATE} a/b`, status: 1, message: /bad link name "a\/b"/ },
  {
    name: 'an encapsulation that is none',
    command: `${CREATE.replace('-e vxlan', '-e stt')} ov1`,
    status: 1,
    message: /stt.*vxlan.*geneve/,
  },
  {
    name: 'an unknown search plugin',
    command: `${CREATE.replace('-s direct', '-s dns')} ov1`,
    status: 1,
    message: /dns.*direct.*files/,
  },
  {
    name: 'every required property missing: each is named',
    command: 'create-overlay -v 9 -e vxlan -s files ov1',
    status: 1,
    message: /vxlan\/listen_ip.*files\/config|files\/config.*vxlan\/listen_ip/,
  },
  { name: 'an unknown property', command: `${CREATE} -p colour=red ov1`, status: 1, message: /colour/ },
  { name: 'a property without a value', command: `${CREATE} -p mtu ov1`, status: 2, message: /mtu.*NAME=VALUE/ },
  { name: 'an MTU that is none', command: `${CREATE} -p mtu=575 ov1`, status: 1, message: /mtu.*575.*576/ },
  { name: 'an MTU above the underlay', command: `${CREATE} -p mtu=1451 ov1`, status: 1, message: /1451.*1500.*1450/ },
  {
    name: 'an address that this host does not have',
    command: `${CREATE.replace('10.88.88.1', '10.88.88.9')} ov1`,
    status: 1,
    message: /10\.88\.88\.9/,
  },
  {
    name: 'half an address',
    command: `${CREATE.replace('=10.88.88.2', '=10.88')} ov1`,
    status: 1,
    message: /direct\/dest_ip.*10\.88/,
  },
  {
    name: 'a destination that is the overlay itself',
    command: `${CREATE.replace('=10.88.88.2', '=10.88.88.1')} ov1`,
    status: 1,
    message: /10\.88\.88\.1:4789 is where .*listens/,
  },
  {
    name: 'no file',
    command: `${FILES}DIR/none.json ov1`,
    status: 1,
    message: /none\.json.*(no such file|not exist)/i,
  },
  {
    name: 'a file with several mistakes: all of them, by path',
    command: `${FILES}DIR/wrong.json ov1`,
    status: 1,
    message: /de:ad:be:ef:00:01\.ip: not an IP address: "10\.88\.88".*de:ad:be:ef:00:02\.port/,
  },
  {
    name: 'a file that is not JSON',
    command: `${FILES}DIR/broken.json ov1`,
    status: 1,
    message: /broken\.json: line 3, column 1: expected "}"/,
  },
];

const VNIC_MISTAKES: readonly Mistake[] = [
  { name: 'no such overlay', command: 'create-vnic -m 02::1 -l none v1', status: 2, message: /bad mac|not a MAC/i },
  {
    name: 'overlay unknown',
    command: 'create-vnic -m 02:0:0:0:0:1 -l none v1',
    status: 1,
    message: /no such overlay: none/,
  },
  {
    name: 'a group address',
    command: 'create-vnic -m 01:0:0:0:0:1 -l ov0 v1',
    status: 1,
    message: /01:00:00:00:00:01.*unicast/,
  },
  {
    name: 'a MAC in use',
    command: 'create-vnic -m de:ad:be:ef:0:1 -l ov0 v1',
    status: 1,
    message: /de:ad:be:ef:00:01 is that of VNIC v0/,
  },
  { name: 'the name of an interface', command: 'create-vnic -m 02:0:0:0:0:1 -l ov0 eth0', status: 1, message: /eth0/ },
  {
    name: 'no such namespace',
    command: 'create-vnic -m 02:0:0:0:0:1 -l ov0 -n nowhere v1',
    status: 1,
    message: /nowhere/,
  },
  {
    name: 'an overlay with VNICs is not deleted',
    command: 'delete-overlay ov0',
    status: 1,
    message: /ov0 .*VNICs: v0/,
  },
  { name: 'no such VNIC', command: 'delete-vnic v7', status: 1, message: /no such VNIC: v7/ },
  { name: 'no such target', command: `modify-overlay -d 02:0:0:0:0:9 files0`, status: 1, message: /02:00:00:00:00:09/ },
  {
    name: 'a destination that is none',
    command: 'modify-overlay -s 02:0:0:0:0:9=there files0',
    status: 2,
    message: /there.*IP:PORT/,
  },
  { name: 'nothing to modify', command: 'modify-overlay files0', status: 2, message: /nothing to modify/ },
  { name: 'no such field', command: 'show-overlay -o COLOUR', status: 2, message: /COLOUR/ },
];

async function build(host: Host, dir: string): Promise<void> {
  writeFileSync(join(dir, 'good.json'), '{}');
  writeFileSync(join(dir, 'broken.json'), '{\n  "de:ad:be:ef:00:01": {\n');
  const wrong = { 'de:ad:be:ef:00:01': { ip: '10.88.88' }, 'de:ad:be:ef:00:02': { ip: '10.88.88.2', port: 65536 } };
  writeFileSync(join(dir, 'wrong.json'), JSON.stringify(wrong));
  await host.startDaemon();
  await host.vxlane(...CREATE.replace('-v 9', '-v 8').split(' '), 'ov0');
  await host.vxlane('create-vnic', '-m', 'de:ad:be:ef:00:01', '-l', 'ov0', 'v0');
  const properties = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', `files/config=${join(dir, 'good.json')}`];
  await host.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', '-s', 'files', ...properties, 'files0');
}

/** Everything a refused command might have left behind. */
async function everything(host: Host): Promise<object> {
  const links = await host.json<{ ifname: string }[]>('ip', '-j', 'link');
  const overlays = await host.vxlaneJson<object[]>('show-overlay');
  const targets = await host.vxlaneJson<{ mac: string }[]>('show-overlay', '-t', 'files0');
  const vnics = await host.vxlaneJson<object[]>('show-vnic');
  return { links: links.map(({ ifname }) => ifname), overlays, targets, vnics };
}

labTest('mistakes are refused in one line and change nothing', async ({ lab, step }) => {
  const host = await lab.addHost('host', { addresses: ['10.88.88.1/24'] });
  await build(host, lab.dir);
  const before = await everything(host);
  for (const { name, command, status, message } of [...OVERLAY_MISTAKES, ...VNIC_MISTAKES]) {
    await step(name, async () => {
      const outcome = await host.tryVxlane(...command.replace('DIR', lab.dir).split(' '));
      assert.match(outcome.stderr, message);
      assert.equal(outcome.code, status, outcome.stderr);
      assert.equal(outcome.stderr.trimEnd().split('\n').length, 1, outcome.stderr);
      assert.equal(outcome.stdout, '');
    });
  }
  await step('and changed nothing', async () => assert.deepEqual(await everything(host), before));

  await step('a second daemon on the same socket is refused', async () => {
    const second = ['daemon', '--socket', host.socket, '--state-dir', join(lab.dir, 'other')];
    const outcome = await host.tryVxlane(...second);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr + outcome.stdout, new RegExp(`another vxlane daemon \\(pid ${host.daemonPid}\\)`));
  });

  await step('no daemon: said, with what to do', async () => {
    await host.stopDaemon();
    const outcome = await host.tryVxlane('show-overlay');
    assert.equal(outcome.code, 4);
    assert.match(outcome.stderr, /no vxlane daemon answers on .*vxlane\.sock/);
  });
});
