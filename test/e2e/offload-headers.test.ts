/**
 * TCP and UDP under headers that few have: source routes, whose pseudo header has another destination than the IP
 * header, and options. The kernel hands over super-frames of these as well (assembly/offload/gso.ts).
 */
import assert from 'node:assert/strict';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { type Host, labTest, readStats } from './support.js';

const PORT = 7300;
const BYTES = 4 << 20;
/** A second address of each host, by which a source route leads to its first one. */
const VIA = { ours: ['10.9.0.21', 'fd09::21'], kernels: ['10.9.0.22', 'fd09::22'] } as const;

/** Python: sets what is to stand in front of TCP or UDP; `via` is the first hop. */
const PADDING = 'bytes([0, 0, 1, 4, 0, 0, 0, 0])';
const LSRR = 's.setsockopt(0, 4, bytes([131, 7, 4]) + socket.inet_aton(via) + bytes([1]))';
const SRH =
  's.setsockopt(41, 57, bytes([0, 4, 4, 1, 1, 0, 0, 0]) + bytes(16) + socket.inet_pton(socket.AF_INET6, via))';
const HEADERS = [
  { name: 'IPv4 options', family: 0, set: 's.setsockopt(0, 4, bytes([1] * 39 + [0]))' },
  { name: 'a loose source route of IPv4', family: 0, set: LSRR },
  { name: 'a segment routing header of IPv6', family: 1, set: SRH },
  {
    name: 'all kinds of extension headers of IPv6',
    family: 1,
    set: [...[54, 55, 59].map((option) => `s.setsockopt(41, ${option}, ${PADDING})`), SRH].join('; '),
  },
] as const;
const GENERATE = `import socket, random, hashlib\ndata = random.Random(1).randbytes(${BYTES})`;
const DIGEST = 'print(hashlib.sha256(data).hexdigest(), flush=True)';

interface End {
  readonly host: Host;
  readonly address: string;
  readonly via: string;
}

/** Answers what both ends have of a TCP stream: a digest each. */
async function stream(from: End, to: End, family: 0 | 1, set: string): Promise<[string, string]> {
  const name = ['AF_INET', 'AF_INET6'][family];
  const listening = `
import socket, hashlib
server = socket.create_server(("${to.address}", ${PORT}), family=socket.${name}); print("listening", flush=True)
s = server.accept()[0]; data = b"".join(iter(lambda: s.recv(1 << 20), b"")); ${DIGEST}`;
  const sending = `
${GENERATE}; via = "${to.via}"
s = socket.socket(socket.${name}, socket.SOCK_STREAM); ${set}
s.settimeout(15); s.connect(("${to.address}", ${PORT})); s.sendall(data); s.close(); ${DIGEST}`;
  return run(from, to, listening, sending);
}

/** The same of datagrams that a UDP_SEGMENT send is cut into. */
async function segmented(from: End, to: End, set: string): Promise<[string, string]> {
  const listening = `
import socket, hashlib
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("${to.address}", ${PORT})); s.settimeout(10)
print("listening", flush=True)
data = b"".join(s.recv(65536) for _ in range(31)); ${DIGEST}`;
  const sending = `
${GENERATE}; data = data[:30007]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); ${set}
s.connect(("${to.address}", ${PORT})); s.setsockopt(17, 103, 1000); s.send(data); ${DIGEST}`;
  return run(from, to, listening, sending);
}

async function run(from: End, to: End, listening: string, sending: string): Promise<[string, string]> {
  const listener = to.host.spawn(['python3', '-c', listening], { timeoutMs: 20_000 });
  await listener.printed(/listening/);
  const sent = await from.host.exec('python3', '-c', sending);
  const { stdout, stderr } = await listener.done;
  assert.equal(stderr, '');
  return [sent.trim(), stdout.trim().split('\n').at(-1)!];
}

async function allowSourceRoutes(host: Host, device: string, via: readonly string[]): Promise<void> {
  for (const [index, prefix] of [24, 64].entries()) {
    await host.exec('ip', 'addr', 'add', `${via[index]}/${prefix}`, 'dev', device);
  }
  for (const name of ['all', device]) {
    const settings = [`net.ipv4.conf.${name}.accept_source_route=1`, `net.ipv6.conf.${name}.seg6_enabled=1`];
    await host.exec('sysctl', '-qw', ...settings);
  }
}

const probe = probeUnderlayTap();
for (const border of ['tap', 'socket'] as const) {
  labTest(`headers between IP and TCP, --underlay ${border}`, async ({ lab, step, note }) => {
    if (border === 'tap' && !probe.ok) return note(`not tested: ${probe.reason}`);
    const options = { mtu: 1450, likeOnTheWire: border === 'socket', daemon: ['--underlay', border] };
    const { ours, kernels } = await buildKernelPair(lab, options);
    await allowSourceRoutes(ours, 'v0', VIA.ours);
    await allowSourceRoutes(kernels, 'vx0', VIA.kernels);
    for (const { name, family, set } of HEADERS) {
      const here = { host: ours, address: INNER.ours[family], via: VIA.ours[family] };
      const there = { host: kernels, address: INNER.kernels[family], via: VIA.kernels[family] };
      for (const [from, to] of [
        [here, there],
        [there, here],
      ] as const) {
        await step(`TCP from ${from.host.name}, ${name}`, async () => {
          const [sent, received] = await stream(from, to, family, set);
          assert.equal(received, sent);
        });
        // The kernel has no UDP_SEGMENT behind extension headers, and sums UDP for a source route's first hop.
        if (name !== 'IPv4 options') continue;
        await step(`UDP_SEGMENT from ${from.host.name}, ${name}`, async () => {
          const [sent, received] = await segmented(from, to, set);
          assert.equal(received, sent);
        });
      }
    }
    await step('super-frames of all of these were taken', async () => {
      const stats = await readStats(ours);
      assert.deepEqual(
        stats.drops.filter(({ reason }) => reason !== 'no_local_port'),
        [],
      );
    });
  });
}
