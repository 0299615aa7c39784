/** A VNIC that pretends to be others: real senders, a kernel beside it that would believe them, and honest traffic. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { obtainLease, serveLease } from '../../src/demo/lease.js';
import { Capture } from './capture.js';
import { drops, eventually, type Host, labTest, mac, neighbourOf, pingAll, pingNone, untilUsable } from './support.js';

const KINDS = 'mac-nospoof,ip-nospoof,dhcp-nospoof,ra-guard,restricted';
const GUEST = { v4: '10.5.0.1', v6: 'fd05::1' };
const VICTIM = { v4: '10.5.0.2', v6: 'fd05::2' };
const FORGED = { v4: '10.5.0.77', v6: 'fd05::77' };

/** As it is; python has what Node lacks. */
const SEND =
  'import socket,sys; s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("v1",0)); ' +
  's.send(bytes.fromhex(sys.argv[1]))';
const send = (host: Host, frame: Buffer) => host.exec('python3', '-c', SEND, frame.toString('hex'));

const macOf = (n: number) => Buffer.from(mac(n).replaceAll(':', ''), 'hex');
const word = (value: number) => Buffer.from(value.toString(16).padStart(8, '0'), 'hex');

/** UDP in IPv4 to the victim. */
function ipv4Frame(source: string, tags: readonly number[]): Buffer {
  const address = (ip: string) => Buffer.from(ip.split('.').map(Number));
  const header = Buffer.from('0800450000280000400040110000', 'hex');
  const ends = [address(source), address(VICTIM.v4), Buffer.from('c0000035001400000000000000000000', 'hex')];
  return Buffer.concat([macOf(2), macOf(1), ...tags.map(word), header, ...ends, Buffer.alloc(14)]);
}

/** A router advertisement behind 8 bytes: destination options, or the fragment header of a whole packet. */
function raFrame(extension: 60 | 44): Buffer {
  const header = Buffer.from([0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, extension, 255]);
  const source = Buffer.from('fe80000000000000dcadbefffeef0001', 'hex'); // made of its MAC
  const group = Buffer.from(`ff02${'00'.repeat(13)}01`, 'hex');
  const options = Buffer.from(extension === 60 ? [58, 0, 1, 4, 0, 0, 0, 0] : [58, 0, 0, 0, 1, 2, 3, 4]);
  const advertisement = Buffer.from('86000000400007080000000000000000', 'hex');
  return Buffer.concat([Buffer.from('333300000001', 'hex'), macOf(1), header, source, group, options, advertisement]);
}

labTest('link protection', async ({ lab, step }) => {
  const ours = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  await ours.startDaemon();
  const properties = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', 'direct/dest_ip=10.88.88.2'];
  await ours.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
  const [guest, victim] = [await lab.addMachine('guest'), await lab.addMachine('victim')];
  const vnic = (host: Host, n: number, name: string, own: typeof GUEST, ...more: string[]) =>
    ours.vxlane(
      ...['create-vnic', '-m', mac(n), '-l', 'ov0', '-n', host.netns, '-a', `${own.v4}/24,${own.v6}/64`, ...more, name],
    );
  await vnic(guest, 1, 'v1', GUEST, '--protection', KINDS, '--allowed-ips', '10.5.0.128/25');
  await vnic(victim, 2, 'v2', VICTIM);
  await Promise.all([untilUsable(guest, 'v1'), untilUsable(victim, 'v2')]);

  /** So many more frames are dropped for `reason`, at least, and the victim sees nothing that `filter` finds. */
  const isDropped = async (reason: string, least: number, filter: string, action: () => Promise<unknown>) => {
    const [before, seen] = [await drops(ours, reason), await Capture.start(victim, 'v2', filter, 'in')];
    await action();
    await eventually(`${least} frames dropped as ${reason}`, async () => (await drops(ours, reason)) - before >= least);
    assert.deepEqual(await seen.stop(['frame.number']), []);
  };
  const honest = async () => {
    for (const [from, to] of [
      [guest, VICTIM],
      [victim, GUEST],
    ] as const) {
      await pingAll(from, to.v4);
      await pingAll(from, to.v6);
    }
  };

  await step('honest traffic passes: resolved addresses, both families, either way', honest);

  await step('a DHCP client gets the address that is allowed, and none for another', async () => {
    const server = await serveLease(victim, 'v2', mac(1), '10.5.0.130');
    assert.equal(await obtainLease(guest, 'v1', { broadcast: true }), '10.5.0.130');
    const asking = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'v1', '-t', '2', '-T', '1', '-s', '/bin/true'];
    const asAnother = [...asking, '-x', `0x3d:01${mac(9).replaceAll(':', '')}`];
    await isDropped('spoofed_dhcp', 2, 'udp dst port 67', () => guest.try(asAnother));
    await server.stop();
  });

  await step('what it may use beside its addresses passes', async () => {
    await guest.exec('ip', 'addr', 'add', '10.5.0.200/32', 'dev', 'v1');
    await pingAll(victim, '10.5.0.200');
    await pingAll(guest, VICTIM.v4, '-I', '10.5.0.200');
  });

  await guest.exec('ip', 'addr', 'add', `${FORGED.v4}/32`, 'dev', 'v1');
  await guest.exec('ip', 'addr', 'add', `${FORGED.v6}/128`, 'dev', 'v1', 'nodad');

  await step('ARP for an address that it may not have: neither asked from it nor claimed', async () => {
    const filter = `arp src host ${FORGED.v4}`;
    const arping = (...more: string[]) => guest.try(['arping', '-b', '-c', '3', '-w', '3', '-I', 'v1', ...more]);
    await isDropped('spoofed_ip', 3, filter, () => arping('-s', FORGED.v4, VICTIM.v4));
    await isDropped('spoofed_ip', 3, filter, () => arping('-U', FORGED.v4));
    await isDropped('spoofed_ip', 3, filter, () => arping('-A', FORGED.v4));
    assert.equal(await neighbourOf(victim, 'v2', FORGED.v4), null);
  });

  await step('packets from it: IPv4, IPv6, with tags', async () => {
    await isDropped('spoofed_ip', 3, `icmp and src host ${FORGED.v4}`, () =>
      pingNone(guest, VICTIM.v4, '-I', FORGED.v4),
    );
    const v6 = () => pingNone(guest, VICTIM.v6, '-I', FORGED.v6);
    await isDropped('spoofed_ip', 3, `icmp6 and src host ${FORGED.v6}`, v6);
    const tagged = [[0x8100_0005], [0x88a8_0005, 0x8100_0006]].map((tags) => ipv4Frame(FORGED.v4, tags));
    for (const bytes of tagged) {
      await isDropped('spoofed_ip', 1, `ether src ${mac(1)} and not ip and not ip6 and not arp`, () =>
        send(guest, bytes),
      );
    }
  });

  await step('a neighbour advertisement of an address that it may not have', async () => {
    const asks = () => victim.try(['ndisc6', '-1', '-r', '2', '-w', '500', FORGED.v6, 'v2']);
    await isDropped('spoofed_ip', 1, 'icmp6 and ip6[40] == 136', asks);
  });

  await step('super-frames of it: a TCP stream does not even begin, an honest one does', async () => {
    const server = victim.spawn(['iperf3', '--server', '--one-off', '--forceflush'], { timeoutMs: 60_000 });
    await server.printed(/Server listening/);
    const client = ['iperf3', '--client', VICTIM.v4, '--connect-timeout', '1500', '--bytes', '8M'];
    const forged = () => guest.try([...client, '--bind', FORGED.v4]);
    await isDropped('spoofed_ip', 1, `tcp and src host ${FORGED.v4}`, forged);
    const { code, stdout, stderr } = await guest.try([...client, '--bind', GUEST.v4]);
    assert.equal(code, 0, stdout + stderr);
    await server.stop();
  });

  const config = join(guest.dir, 'radvd.conf');
  writeFileSync(config, 'interface v1 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; };\n');
  const advertise = () =>
    guest.spawn(['radvd', '-n', '-m', 'stderr', '-C', config, '-p', join(guest.dir, 'radvd.pid')], {
      timeoutMs: 60_000,
    });

  await step('router advertisements', async () => {
    await guest.exec('sysctl', '-q', '-w', 'net.ipv6.conf.all.forwarding=1');
    const router = advertise();
    await isDropped('rogue_ra', 1, 'icmp6 and ip6[40] == 134', async () => {
      await eventually('a router advertisement is dropped', async () => (await drops(ours, 'rogue_ra')) > 0, 20_000);
      await victim.try(['rdisc6', '-1', '-r', '1', '-w', '500', 'v2']);
    });
    await router.stop();
  });

  await step('a router advertisement behind an extension header, and in a fragment of its own', async () => {
    for (const bytes of [raFrame(60), raFrame(44)]) {
      await isDropped('rogue_ra', 1, 'ip6 and ether dst 33:33:00:00:00:01', () => send(guest, bytes));
    }
  });

  await step('a DHCP server', async () => {
    const server = await serveLease(guest, 'v1', mac(2), '10.5.0.66');
    await isDropped('rogue_dhcp', 1, 'udp dst port 68', () =>
      assert.rejects(obtainLease(victim, 'v2', { broadcast: true }), /no lease/),
    );
    await server.stop();
  });

  await step('another protocol: spanning tree, of a bridge that it is a port of', async () => {
    const state = await drops(ours, 'restricted_type');
    await guest.exec(
      'ip',
      'link',
      'add',
      'br9',
      'address',
      mac(1),
      'type',
      'bridge',
      'stp_state',
      '1',
      'hello_time',
      '100',
    );
    await guest.exec('ip', 'link', 'set', 'v1', 'master', 'br9');
    await guest.exec('ip', 'link', 'set', 'br9', 'up');
    await eventually('BPDUs are dropped', async () => (await drops(ours, 'restricted_type')) > state);
    await guest.exec('ip', 'link', 'del', 'br9');
  });

  await step('its MAC stays, whatever its interface is given', async () => {
    await guest.exec('ip', 'link', 'set', 'v1', 'address', mac(9));
    const state = async () => (await ours.vxlaneJson<{ state: string }[]>('show-vnic', 'v1'))[0]?.state ?? '';
    await eventually('it says so', async () => (await state()).includes(`mac-nospoof keeps it at ${mac(1)}`));
    await ours.vxlane('reload');
    await eventually('it is well again', async () => (await state()) === 'up');
  });

  await step('what modify-vnic lets pass, passes from then on, and no longer than that', async () => {
    const claim = ['arping', '-b', '-c', '2', '-w', '2', '-I', 'v1', '-s', FORGED.v4, VICTIM.v4];
    await ours.vxlane('modify-vnic', '--allowed-ips', `${FORGED.v4},10.5.0.128/25`, 'v1');
    assert.match((await guest.try(claim)).stdout, /Received [12] response/);
    await ours.vxlane('modify-vnic', '--allowed-ips', '10.5.0.128/25', 'v1');
    await isDropped('spoofed_ip', 2, `arp src host ${FORGED.v4}`, () => guest.try(claim));
    await ours.vxlane('modify-vnic', '--protection', 'none', '--allowed-ips', 'none', 'v1');
    const router = advertise();
    const heard = await Capture.start(victim, 'v2', 'icmp6 and ip6[40] == 134', 'in');
    const isHeard = async () => (await heard.dissect(['frame.number'])).length > 0;
    await eventually('the victim hears the router', isHeard, 20_000);
    await heard.stop(['frame.number']);
    await router.stop();
    await ours.vxlane('modify-vnic', '--protection', KINDS, '--allowed-ips', '10.5.0.128/25', 'v1');
  });

  await step('and all of it after a restart of the daemon', async () => {
    await ours.stopDaemon();
    await ours.startDaemon();
    const claim = ['arping', '-b', '-c', '3', '-w', '3', '-I', 'v1', '-U', FORGED.v4];
    await isDropped('spoofed_ip', 3, `arp src host ${FORGED.v4}`, () => guest.try(claim));
    const shown = await ours.vxlane('show-vnic', '-o', 'link,protection,allowedips', 'v1');
    assert.match(shown, new RegExp(`v1 +${KINDS} +10\\.5\\.0\\.128/25`));
    await guest.exec('ip', 'addr', 'del', `${FORGED.v6}/128`, 'dev', 'v1'); // the kernel prefers it as a source
    await honest();
  });
});
