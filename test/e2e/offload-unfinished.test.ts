/**
 * The kernel's vxlan device over a veth pair whose offloads are on, and sockets alone on our side: unfinished checksums
 * and whole super-frames are recognised, see assembly/offload/partial.ts.
 */
import assert from 'node:assert/strict';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { addVlan, buildKernelPair, INNER, type KernelPair } from './kernel-pair.js';
import { type Host, labTest, labTestOnce, mac, pingAll, readStats } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const SOCKET = ['--underlay', 'socket'];
const STREAM_BYTES = 40 << 20;
const probe = probeUnderlayTap();
/** What one UDP_SEGMENT send of the kernel's side is cut into; the last one is shorter. */
const SEGMENT = 1000;

/** A host that is ready sooner announces itself before the overlay, its search plugin or its VNIC is here. */
const NOT_LOST = ['unknown_vni', 'source_unknown', 'no_local_port'];

async function noDrops(host: Host): Promise<void> {
  const { drops } = await readStats(host);
  assert.deepEqual(
    drops.filter(({ reason }) => !NOT_LOST.includes(reason)),
    [],
  );
}

/** Sends by UDP_SEGMENT from the kernel's side and answers the sizes of the datagrams that arrived at ours. */
async function sendSegmented({ ours, kernels }: KernelPair, address: string, bytes: number): Promise<number[]> {
  const family = address.includes(':') ? 'AF_INET6' : 'AF_INET';
  const count = Math.ceil(bytes / SEGMENT);
  const receiving = `
import socket
s = socket.socket(socket.${family}, socket.SOCK_DGRAM); s.bind(("${address}", 7100)); s.settimeout(10)
print("listening", flush=True)
parts = [s.recv(65536) for _ in range(${count})]
assert b"".join(parts) == bytes(n * 31 % 251 for n in range(${bytes}))
print(" ".join(str(len(part)) for part in parts), flush=True)`;
  const sending = `
import socket
s = socket.socket(socket.${family}, socket.SOCK_DGRAM); s.connect(("${address}", 7100))
s.setsockopt(17, 103, ${SEGMENT}); s.send(bytes(n * 31 % 251 for n in range(${bytes})))`;
  const receiver = ours.spawn(['python3', '-c', receiving], { timeoutMs: 20_000 });
  await receiver.printed(/listening/);
  await kernels.exec('python3', '-c', sending);
  const { code, stdout, stderr } = await receiver.done;
  assert.equal(code, 0, stderr);
  return stdout.trim().split('\n').at(-1)!.split(' ').map(Number);
}

for (const { family, mtu, underlay, daemon } of [
  { family: 4, mtu: 1450, underlay: 1500, daemon: [] },
  { family: 6, mtu: 1280, underlay: 1500, daemon: ['--workers', '2'] },
  { family: 4, mtu: 8900, underlay: 9000, daemon: [] },
] as const) {
  labTest(
    `a kernel peer with its offloads on, inner MTU ${mtu}, IPv${family} underlay`,
    async ({ lab, step, note }) => {
      const options = { family, mtu, likeOnTheWire: false, daemon: [...SOCKET, ...daemon] };
      const pair = await buildKernelPair(lab, options);
      const { ours, kernels } = pair;

      for (const index of [0, 1] as const) {
        const inside = `IPv${index === 0 ? 4 : 6} inside`;
        await step(`ping, ${inside}`, () => pingAll(kernels, INNER.ours[index]));
        await step(`TCP, ${inside}, both ways at once`, () =>
          streamBothWays(ours, kernels, INNER.kernels[index], { bytes: STREAM_BYTES }),
        );
        await step(`UDP, ${inside}, each way`, async () => {
          await sendDatagrams(ours, kernels, INNER.kernels[index]);
          await sendDatagrams(kernels, ours, INNER.ours[index]);
        });
        await step(`one UDP_SEGMENT send of the kernel's, ${inside}, is the datagrams it was cut into`, async () => {
          for (const bytes of [2 * SEGMENT, 30 * SEGMENT + 7]) {
            const sizes = await sendSegmented(pair, INNER.ours[index], bytes);
            const last = bytes % SEGMENT === 0 ? [] : [bytes % SEGMENT];
            assert.deepEqual(sizes, [...Array.from({ length: Math.floor(bytes / SEGMENT) }, () => SEGMENT), ...last]);
          }
        });
      }

      await step('frames with a VLAN tag', async () => {
        if (!(await addVlan(pair, 7))) return note('not tested: this kernel has no VLAN devices');
        await streamBothWays(ours, kernels, '10.7.0.2');
        await sendDatagrams(kernels, ours, '10.7.0.1');
      });
      await step('nothing was dropped', () => noDrops(ours));
    },
    underlay,
  );
}

labTestOnce('offload=off on our side, a kernel peer with its offloads on', async ({ lab, step }) => {
  const properties = ['offload=off'];
  const pair = await buildKernelPair(lab, { mtu: 1450, likeOnTheWire: false, daemon: SOCKET, properties });
  const { ours, kernels } = pair;
  for (const index of [0, 1] as const) {
    await step(`TCP and UDP over IPv${index === 0 ? 4 : 6} inside`, async () => {
      await streamBothWays(ours, kernels, INNER.kernels[index], { bytes: 4 << 20 });
      await sendDatagrams(kernels, ours, INNER.ours[index]);
      assert.equal((await sendSegmented(pair, INNER.ours[index], 20 * SEGMENT)).length, 20);
    });
  }
  await step('nothing was dropped', () => noDrops(ours));
});

labTestOnce('vxlan/accept_partial=off refuses what it would take', async ({ lab }) => {
  const properties = ['vxlan/accept_partial=off'];
  const pair = await buildKernelPair(lab, { mtu: 1450, likeOnTheWire: false, daemon: SOCKET, properties });
  const { ours, kernels } = pair;
  await pingAll(kernels, INNER.ours[0]);
  const connect = ['python3', '-c', `import socket; socket.create_connection(("${INNER.kernels[0]}", 7200), 2)`];
  const server = `s = socket.create_server(("${INNER.kernels[0]}", 7200))`;
  const listen = `import socket, time; ${server}; print("listening", flush=True); time.sleep(30)`;
  const listener = kernels.spawn(['python3', '-c', listen], { timeoutMs: 40_000 });
  await listener.printed(/listening/);
  assert.notEqual((await ours.try(connect)).code, 0);
  await ours.vxlane('modify-overlay', '-p', 'vxlan/accept_partial=auto', 'ov0');
  assert.equal((await ours.try(connect)).code, 0);
});

for (const border of ['socket', 'tap'] as const) {
  labTest(
    `two hosts with vxlane over veth pairs whose offloads are on: one has sockets, the other ${border}`,
    async ({ lab, step, note }) => {
      if (border === 'tap' && !probe.ok) return note(`not tested: ${probe.reason}`);
      const hosts = [
        await lab.addHost('one', { addresses: ['10.88.88.1/24'] }),
        await lab.addHost('two', { addresses: ['10.88.88.2/24'] }),
      ] as const;
      for (const [index, host] of hosts.entries()) {
        await host.startDaemon('--underlay', index === 0 ? 'socket' : border);
        const [own, other] = [index + 1, 2 - index];
        const properties = [`vxlan/listen_ip=10.88.88.${own}`, `direct/dest_ip=10.88.88.${other}`].flatMap((p) => [
          '-p',
          p,
        ]);
        await host.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
        await host.vxlane('create-vnic', '-m', mac(own), '-l', 'ov0', 'v0');
        await host.exec('ip', 'addr', 'add', `10.5.0.${own}/24`, 'dev', 'v0');
      }
      await step('TCP and UDP', async () => {
        await streamBothWays(hosts[0], hosts[1], '10.5.0.2', { bytes: STREAM_BYTES });
        await sendDatagrams(hosts[0], hosts[1], '10.5.0.2');
      });
      for (const host of hosts) await step(`nothing was dropped at ${host.name}`, () => noDrops(host));
    },
  );
}
