/**
 * Overlays that are bound to a network interface: several with the same addresses on each, and link-local ones, where
 * nothing else says which link is meant. The peers are kernel vxlan devices.
 */
import assert from 'node:assert/strict';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { cable } from './cable.js';
import { drops, eventually, type Host, iperf, type Lab, labTest, mac, pingAll, pingNone } from './support.js';

const OWN = ['10.88.88.1/24', 'fe80::1/64'];
const FAR = ['10.88.88.2/24', 'fe80::2/64'];
const MTU = '1430';
/** Bytes that pass in a second on any machine. */
const ENOUGH = 1_000_000;
const probe = probeUnderlayTap();

/** A host whose interface dev`n` leads to peer`n`, where there is always 10.88.88.2, and which is always 10.88.88.1. */
async function buildStar(lab: Lab, count: number): Promise<{ ours: Host; peers: Host[] }> {
  const ours = await lab.addMachine('ours');
  await ours.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
  const peers: Host[] = [];
  for (let n = 0; n < count; n++) {
    peers.push(await lab.addMachine(`peer${n}`));
    await plug(lab, ours, peers[n]!, n);
  }
  return { ours, peers };
}

function plug(lab: Lab, ours: Host, peer: Host, n: number, addresses: readonly string[] = OWN): Promise<void> {
  return cable(lab, { host: ours, device: `dev${n}`, addresses }, { host: peer, device: 'eth0', addresses: FAR });
}

/** Overlay ov`vni` with VNIC v`vni`, which has 10.`vni`.0.1, or at the peer 10.`vni`.0.2. */
async function addOverlay(host: Host, vni: number, ...properties: string[]): Promise<void> {
  const all = [`mtu=${MTU}`, ...properties].flatMap((property) => ['-p', property]);
  const search = properties.some((property) => property.startsWith('flood/')) ? 'flood' : 'direct';
  const isOurs = host.name === 'ours';
  await host.vxlane('create-overlay', '-v', `${vni}`, '-e', 'vxlan', '-s', search, ...all, `ov${vni}`);
  await host.vxlane('create-vnic', '-m', mac(isOurs ? vni : vni + 100), '-l', `ov${vni}`, `v${vni}`);
  await host.exec('ip', 'addr', 'add', `10.${vni}.0.${isOurs ? 1 : 2}/24`, 'dev', `v${vni}`);
}

/** The kernel's device of that VNI, which has 10.`vni`.0.2. */
async function addKernel(host: Host, vni: number, local: string, remote: string, port = 4789): Promise<void> {
  const far = remote.startsWith('ff') ? 'group' : 'remote';
  const tunnel = ['id', `${vni}`, 'local', local, far, remote, 'dstport', `${port}`, 'dev', 'eth0'];
  await host.exec('ip', 'link', 'add', `vx${vni}`, 'address', mac(vni + 100), 'type', 'vxlan', ...tunnel);
  await host.exec('ip', 'link', 'set', `vx${vni}`, 'mtu', MTU, 'up');
  await host.exec('ip', 'addr', 'add', `10.${vni}.0.2/24`, 'dev', `vx${vni}`);
}

const onPort = (port: number) => [`vxlan/listen_port=${port}`, `direct/dest_port=${port}`];

interface Seen {
  readonly status: string;
  readonly details: string;
}

const seen = async (host: Host, vni: number): Promise<Seen> => {
  const [overlay] = await host.vxlaneJson<Seen[]>('show-overlay', '-f', `ov${vni}`);
  return overlay!;
};
const becomes = (host: Host, vni: number, status: string, details: RegExp) =>
  eventually(`ov${vni} is ${status}, ${details}`, async () => {
    const now = await seen(host, vni);
    return now.status === status && details.test(now.details);
  });

/** A group is joined again a little later than everything else is well. */
const answers = (host: Host, ip: string) =>
  eventually(`${ip} answers ${host.name}`, async () => {
    const { code } = await host.try(['ping', '-n', '-c', '1', '-W', '1', ip]);
    return code === 0;
  });

const bytesOf = async (host: Host, direction: 'rx' | 'tx'): Promise<number> =>
  Number(await host.exec('cat', `/sys/class/net/vxlane-u0/statistics/${direction}_bytes`));

labTest('overlays of the same address and port, each bound to an interface of its own', async ({ lab, step, note }) => {
  const { ours, peers } = await buildStar(lab, 2);
  await ours.startDaemon();
  for (const [n, peer] of peers.entries()) {
    const device = [`vxlan/underlay_dev=dev${n}`, 'direct/dest_ip=10.88.88.2'];
    await addOverlay(ours, 50 + n, 'vxlan/listen_ip=10.88.88.1', ...device);
    await addOverlay(ours, 60 + n, 'vxlan/listen_ip=0.0.0.0', ...onPort(4790), ...device);
    await addKernel(peer, 50 + n, '10.88.88.2', '10.88.88.1');
    await addKernel(peer, 60 + n, '10.88.88.2', '10.88.88.1', 4790);
  }

  await step('each reaches its own peer, of two that have the same address', async () => {
    for (const vni of [50, 51, 60, 61]) await pingAll(ours, `10.${vni}.0.2`);
  });

  await step('streams pass, and an underlay TAP is a way out of this host and none in', async () => {
    for (const [n, peer] of peers.entries()) {
      const reports = [
        await iperf(ours, peer, `10.${50 + n}.0.2`),
        await iperf(ours, peer, `10.${60 + n}.0.2`, '--reverse'),
      ];
      for (const report of reports) assert.ok(report.end.sum_received.bytes > ENOUGH);
    }
    if (!probe.ok) return note(`without an underlay TAP: ${probe.reason}`);
    assert.ok((await bytesOf(ours, 'rx')) > ENOUGH, 'what the daemon writes, the interface receives');
    assert.equal(await bytesOf(ours, 'tx'), 0);
  });

  await step('what comes by another interface is not for it', async () => {
    const [, second] = peers as [Host, Host];
    await addKernel(second, 50, '10.88.88.2', '10.88.88.1');
    const before = await drops(ours, 'unknown_vni');
    await pingNone(second, '10.50.0.1');
    assert.ok((await drops(ours, 'unknown_vni')) > before);
    await pingAll(ours, '10.50.0.2');
  });

  await step('one that is bound to none has no room beside them', async () => {
    const create = ['create-overlay', '-v', '70', '-e', 'vxlan', '-s', 'direct', '-p', 'vxlan/listen_ip=10.88.88.1'];
    const { code, stderr } = await ours.tryVxlane(...create, '-p', 'direct/dest_ip=10.88.88.2', 'ov70');
    assert.equal(code, 1);
    assert.match(stderr, /listen on 10\.88\.88\.1:4789\/udp: the port is held by pid /);
  });
});

labTest('an underlay of link-local addresses', async ({ lab, step }) => {
  const { ours, peers } = await buildStar(lab, 2);
  const [kernel, theirs] = peers as [Host, Host];
  await Promise.all([ours.startDaemon(), theirs.startDaemon()]);

  await step('the zone of the listen address is the interface, also for the endpoint', async () => {
    await addOverlay(ours, 50, 'vxlan/listen_ip=fe80::1%dev0', 'direct/dest_ip=fe80::2');
    await addKernel(kernel, 50, 'fe80::2', 'fe80::1');
    await pingAll(ours, '10.50.0.2');
    await iperf(ours, kernel, '10.50.0.2');
    if (probe.ok) assert.ok((await bytesOf(ours, 'rx')) > ENOUGH, 'super-frames leave by the underlay TAP');
    await iperf(ours, kernel, '10.50.0.2', '--reverse');
    const shown = await ours.vxlane('show-overlay', '-p', '-o', 'property,value', 'ov50');
    assert.match(shown, /^vxlan\/listen_ip:fe80\\:\\:1%dev0$/m);
    assert.match(shown, /^vxlan\/underlay_dev:dev0$/m);
    assert.match(shown, /^underlay-mtu:1500 by dev0 /m);
  });

  await step('vxlane is at both ends, on another link with the same addresses', async () => {
    await addOverlay(ours, 51, 'vxlan/listen_ip=fe80::1%dev1', 'direct/dest_ip=fe80::2');
    await addOverlay(theirs, 51, 'vxlan/listen_ip=fe80::2', 'vxlan/underlay_dev=eth0', 'direct/dest_ip=fe80::1');
    await pingAll(ours, '10.51.0.2');
    await iperf(ours, theirs, '10.51.0.2');
    await iperf(ours, theirs, '10.51.0.2', '--reverse');
    await pingAll(ours, '10.50.0.2');
  });

  await step('flood lists name link-local hosts, this one among them, and groups of the link', async () => {
    for (const [host, listen] of [
      [ours, 'vxlan/listen_ip=fe80::1%dev1'],
      [theirs, 'vxlan/listen_ip=fe80::2%eth0'],
    ] as const) {
      await addOverlay(host, 52, listen, 'flood/endpoints=[fe80::1]:4789,[fe80::2]:4789');
      await addOverlay(host, 53, listen, 'flood/group=ff02::4789');
    }
    for (const vni of [52, 53]) {
      await pingAll(ours, `10.${vni}.0.2`);
      await becomes(ours, vni, 'ONLINE', /^$/);
    }
  });

  await step('it does without its zone nowhere, and with one interface only', async () => {
    const refusal = async (...properties: string[]) => {
      const all = ['direct/dest_ip=fe80::2', ...properties].flatMap((property) => ['-p', property]);
      const argv = ['create-overlay', '-v', '70', '-e', 'vxlan', '-s', 'direct', ...all, 'ov70'];
      const { code, stderr } = await ours.tryVxlane(...argv);
      assert.equal(code, 1);
      return stderr;
    };
    assert.match(await refusal('vxlan/listen_ip=fe80::1'), /fe80::1, a link-local address: expected its interface too/);
    const both = await refusal('vxlan/listen_ip=fe80::1%dev0', 'vxlan/underlay_dev=dev1');
    assert.match(both, /listen_ip is fe80::1%dev0, but vxlan\/underlay_dev is dev1: expected one interface/);
    assert.match(
      await refusal('vxlan/listen_ip=fe80::1%dev7'),
      /underlay_dev is dev7: no interface here has that name/,
    );
    assert.match(await refusal('vxlan/listen_ip=fe80::9%dev0'), /no interface here has address fe80::9%dev0/);
  });
});

labTest('the interface that an overlay is bound to comes, goes, and changes its name', async ({ lab, step }) => {
  const { ours, peers } = await buildStar(lab, 2);
  const [first, second] = peers as [Host, Host];
  await ours.startDaemon();
  await addOverlay(ours, 50, 'vxlan/listen_ip=10.88.88.1', 'vxlan/underlay_dev=dev0', 'direct/dest_ip=10.88.88.2');
  await addOverlay(ours, 51, 'vxlan/listen_ip=fe80::1%dev1', 'direct/dest_ip=fe80::2');
  await addOverlay(ours, 52, 'vxlan/listen_ip=fe80::1%dev1', 'flood/group=ff02::4789');
  const connect = async () => {
    await addKernel(first, 50, '10.88.88.2', '10.88.88.1');
    await addKernel(second, 51, 'fe80::2', 'fe80::1');
    await addKernel(second, 52, 'fe80::2', 'ff02::4789');
    for (const vni of [50, 51, 52]) {
      await becomes(ours, vni, 'ONLINE', /^$/);
      // Each asks by broadcast, which goes to the group.
      await ours.exec('ip', 'neigh', 'flush', 'dev', `v${vni}`);
      await answers(ours, `10.${vni}.0.2`);
      const peer = vni === 50 ? first : second;
      await peer.exec('ip', 'neigh', 'flush', 'dev', `vx${vni}`);
      await answers(peer, `10.${vni}.0.1`);
    }
  };
  const unplug = async () => {
    await ours.exec('ip', 'link', 'delete', 'dev0');
    await ours.exec('ip', 'link', 'delete', 'dev1');
  };
  const isMissing = async () => {
    for (const [vni, device] of [
      [50, 'dev0'],
      [51, 'dev1'],
    ] as const) {
      await becomes(ours, vni, 'DEGRADED', new RegExp(`^underlay_dev is ${device}: no interface here has that name`));
    }
  };
  await connect();

  await step('it is deleted, and made anew: the overlay says so, and is there again by itself', async () => {
    await unplug();
    await isMissing();
    await plug(lab, ours, first, 0, []);
    await becomes(ours, 50, 'DEGRADED', /no interface here has address 10\.88\.88\.1/);
    await ours.exec('ip', 'addr', 'add', '10.88.88.1/24', 'dev', 'dev0');
    await plug(lab, ours, second, 1);
    await connect();
  });

  await step('it is deleted and made anew at once', async () => {
    await unplug();
    await plug(lab, ours, first, 0);
    await plug(lab, ours, second, 1);
    await connect();
  });

  await step('it is renamed: the overlay works, and says so until the name is right', async () => {
    const rename = async (from: string, to: string) => {
      await ours.exec('ip', 'link', 'set', from, 'down');
      await ours.exec('ip', 'link', 'set', from, 'name', to);
      await ours.exec('ip', 'link', 'set', to, 'up');
    };
    await rename('dev0', 'other0');
    await becomes(ours, 50, 'DEGRADED', /^underlay_dev is dev0, which is called other0 now: expected its old name/);
    await pingAll(ours, '10.50.0.2');
    await rename('other0', 'dev0');
    await becomes(ours, 50, 'ONLINE', /^$/);
    await pingAll(ours, '10.50.0.2');
  });

  await step('it is not there when the daemon starts', async () => {
    await ours.stopDaemon();
    await unplug();
    await ours.startDaemon();
    await isMissing();
    await plug(lab, ours, first, 0);
    await plug(lab, ours, second, 1);
    await connect();
    const shown = await ours.vxlane('show-overlay', '-p', '-o', 'property,value', 'ov51');
    assert.match(shown, /^vxlan\/listen_ip:fe80\\:\\:1%dev1$/m);
  });
});
