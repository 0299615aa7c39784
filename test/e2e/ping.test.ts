/**
 * `vxlane ping` between real daemons: through both borders, over IPv4 and IPv6, on a path with a smaller link; and to a
 * kernel's vxlan device, which does not answer.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../src/control/client.js';
import { loopbackMessage } from '../../src/oam/loopback.js';
import { datagram } from '../support/frames.js';
import type { Flood } from './datagram-flood.js';
import { buildRouted, type Family, NETS, PATH } from './routed-lab.js';
import { createOverlay } from './source-lab.js';
import { drops, eventually, type LabTest, labTest, labTestOnce, mac, pingAll, readStats } from './support.js';
import { ping, pingJson, QUICK, SILENT } from './vtep-ping.js';
import '../support/each-engine.js';

const OVERHEAD = { 4: 50, 6: 70 } as const;

async function routed({ lab, step }: LabTest, family: Family, underlay: string): Promise<void> {
  const hosts = await buildRouted(lab, family);
  const [one, two] = hosts;
  const { one: a, two: b } = NETS[family];
  for (const [host, own, peer] of [
    [one, a, b],
    [two, b, a],
  ] as const) {
    await host.startDaemon('--underlay', underlay);
    await createOverlay(host, own, 'direct', [`direct/dest_ip=${peer}`]);
  }
  const endpoint = family === 4 ? `${b}:4789` : `[${b}]:4789`;

  await step('answers, fast, and the underlay does', async () => {
    const [code, { vteps }] = await pingJson(one, 'ov0', b, '-c', '3', '--sweep', 'off', '-s', '200');
    const [vtep] = vteps;
    assert.deepEqual([code, vtep?.endpoint, vtep?.sent, vtep?.answered], [0, endpoint, 3, 3]);
    assert.ok(vtep?.rttMs !== null && vtep!.rttMs.min > 0 && vtep!.rttMs.min <= vtep!.rttMs.max);
    assert.ok((vtep!.echo?.rttMs ?? -1) >= 0, vtep!.echo?.reason);
  });

  await step('names the MTU of a path that is smaller', async () => {
    const [code, view] = await pingJson(one, 'ov0', b, '-c', '1', '-W', '3');
    assert.deepEqual([code, view.mtu], [0, 1500 - OVERHEAD[family]]);
    assert.deepEqual([view.vteps[0]?.largest, view.vteps[0]?.pathMtu], [PATH - OVERHEAD[family], PATH]);
    const [, text] = await ping(one, 'ov0', b, '-c', '1', '-W', '3');
    const size = PATH - OVERHEAD[family];
    assert.match(text, /^64 bytes from .*: seq=1 time=[0-9.]+ ms$/m);
    assert.ok(text.includes(`largest size that comes back: ${size} bytes of the overlay's MTU of ${view.mtu}`), text);
    assert.ok(text.includes(`: path MTU ${PATH} to ${b}\n`), text);
  });
}

labTest('ping over IPv4, on a path with a smaller link', (context) => routed(context, 4, 'auto'));
labTest('ping over IPv6 by sockets alone, on a path with a smaller link', (context) => routed(context, 6, 'socket'));

const FLOOD = fileURLToPath(new URL('./datagram-flood.js', import.meta.url));
const PATIENCE_MS = 90_000;
const [OWN, PEER, KERNEL] = ['10.88.88.1', '10.88.88.2', '10.88.88.3'];

labTestOnce('ping: who is meant, who does not answer, and limits', async ({ lab, step }) => {
  const ours = await lab.addHost('ours', { addresses: [`${OWN}/24`] });
  const peer = await lab.addHost('peer', { addresses: [`${PEER}/24`] });
  const kernel = await lab.addHost('kernel', { addresses: [`${KERNEL}/24`] });
  const device = ['id', '42', 'local', KERNEL, 'remote', OWN, 'dstport', '4789'];
  await kernel.exec('ip', 'link', 'add', 'vx0', 'address', mac(3), 'type', 'vxlan', ...device);
  await kernel.exec('ip', 'link', 'set', 'vx0', 'up');
  const table = {
    [mac(1)]: { ip: OWN, arp: '10.9.0.1' },
    [mac(2)]: { ip: PEER, arp: '10.9.0.2', ndp: 'fd09::2' },
    [mac(3)]: { ip: KERNEL, arp: '10.9.0.3' },
  };
  const file = join(lab.dir, 'hosts.json');
  writeFileSync(file, JSON.stringify(table));
  for (const [host, listen, last] of [
    [ours, OWN, 1],
    [peer, PEER, 2],
  ] as const) {
    await host.startDaemon('--silent-after', '6');
    await createOverlay(host, listen, 'files', [`files/config=${file}`]);
    await host.vxlane('create-vnic', '-m', mac(last), '-l', 'ov0', `v${last}`, '-a', `10.9.0.${last}/24`);
  }
  await step('a VTEP by its address, its port, a MAC behind it and addresses inside', async () => {
    for (const to of [PEER, `${PEER}:4789`, mac(2), '10.9.0.2', 'fd09::2']) {
      const [code, view] = await pingJson(ours, 'ov0', to, ...QUICK);
      assert.deepEqual([code, view.vteps[0]?.endpoint, view.vteps[0]?.answered], [0, `${PEER}:4789`, 1], to);
    }
    const [, view] = await pingJson(ours, 'ov0', '10.9.0.2', ...QUICK);
    assert.equal(view.vteps[0]?.found, `10.9.0.2 is at ${mac(2)}; ${mac(2)} is at ${PEER}:4789 (files says so)`);
    const [, whole] = await pingJson(ours, 'ov0', PEER, '-c', '1');
    assert.deepEqual([whole.vteps[0]?.largest, whole.vteps[0]?.pathMtu], [whole.mtu, null]);
  });

  await step('what is no VTEP is refused in one line', async () => {
    const refused: [to: string, text: RegExp][] = [
      ['nix', /bad ping: nix: expected IP:PORT or IP of a VTEP, a MAC, or an IP address inside/],
      ['10.9.0.77', /10\.9\.0\.77 is no VTEP of ov0, and no address inside: search plugin files knows nobody/],
      [mac(9), /are dropped \(no_such_mac\): no VTEP is behind it/],
      [mac(1), /are delivered here \(vnic v1\): no VTEP is behind it/],
      [`${OWN}:4789`, /is this VTEP itself/],
      ['[fd00::1]:4789', /ov0 has an underlay of IPv4/],
    ];
    for (const [to, text] of refused) {
      const [code, , stderr] = await ping(ours, 'ov0', to, ...QUICK);
      assert.match(stderr, text);
      assert.deepEqual([code, stderr.trim().split('\n').length], [1, 1], stderr);
    }
    const [code, , stderr] = await ping(ours, 'ov0', PEER, ...QUICK, '-s', '1451');
    assert.match(stderr, /bad ping: 1451 bytes: ov0 has an MTU of 1450/);
    assert.equal(code, 1);
  });

  await step('lookup of an address says who has it, and where frames to that one go', async () => {
    for (const ip of ['10.9.0.2', 'fd09::2']) {
      const { stdout, code } = await ours.tryVxlane('lookup', 'ov0', ip);
      assert.equal(code, 0);
      const [owner, frames] = stdout.split('\n');
      assert.equal(owner, `${ip} on ov0 is at ${mac(2)}: search plugin files says so`);
      assert.match(
        frames!,
        new RegExp(`^frames to ${mac(2)} on ov0 go to ${PEER}:4789: search plugin files says so, `),
      );
    }
    const { stdout, code } = await ours.tryVxlane('lookup', '--json', 'ov0', '10.9.0.77');
    assert.deepEqual([code, JSON.parse(stdout).mac, JSON.parse(stdout).frames], [3, null, null]);
  });

  await step("a kernel's device does not answer, and its host does", async () => {
    const [code, text] = await ping(ours, 'ov0', KERNEL, ...SILENT);
    assert.equal(code, 1);
    assert.match(text, /^no answer from 10\.88\.88\.3:4789: seq=1$/m);
    assert.match(text, /^10\.88\.88\.3:4789 does not answer on VNI 42: only vxlane does, .* the kernel's vxlan and /m);
    assert.match(text, /^underlay echo: 10\.88\.88\.3 answers in [0-9.]+ ms$/m);
  });

  await step('the matrix has a row for each, and says who does not answer', async () => {
    const [code, text] = await ping(ours, 'ov0', '--all', ...SILENT);
    const lines = text.trimEnd().split('\n');
    assert.equal(code, 1);
    assert.match(lines[0]!, /^ENDPOINT +LBR +MIN\/AVG\/MAX MS +LOSS +LARGEST +PATH MTU +UNDERLAY ECHO$/);
    assert.match(lines[1]!, /^10\.88\.88\.2:4789 +1\/1 +[0-9.]+\/[0-9.]+\/[0-9.]+ +0 % +-- +-- +[0-9.]+ ms$/);
    assert.match(lines[2]!, /^10\.88\.88\.3:4789 +0\/1 +-- +100 % +-- +-- +[0-9.]+ ms$/);
    assert.equal(lines.length, 3, text);
  });

  await step('oam-loopback=off is silent, and counted; guests go on', async () => {
    await peer.vxlane('modify-overlay', '-p', 'oam-loopback=off', 'ov0');
    const before = await drops(peer, 'oam_refused');
    const [code] = await pingJson(ours, 'ov0', PEER, ...SILENT);
    assert.deepEqual([code, (await drops(peer, 'oam_refused')) - before], [1, 1]);
    await pingAll(ours, '10.9.0.2');
    const [back] = await pingJson(peer, 'ov0', OWN, ...QUICK);
    assert.equal(back, 0, 'who does not answer may ask');
    await peer.vxlane('modify-overlay', '-p', 'oam-loopback=answer', 'ov0');
    assert.equal((await pingJson(ours, 'ov0', PEER, ...QUICK))[0], 0);
  });

  await step('a trace knows such a frame', async () => {
    const frame = `02760a585801${'02760a585802'}8902${'00'.repeat(46)}`;
    const { stdout } = await ours.tryVxlane('trace', 'ov0', '--from', PEER, '--frame', frame);
    assert.match(stdout, /^end +is for this VTEP itself: Ethernet OAM/m);
  });

  await step('whoever asks without end has a hundred answers a second, and others theirs', async () => {
    const message = loopbackMessage(OWN, { ip: KERNEL, port: 4789 }, 7, 64, new Uint8Array(8));
    const asked: Flood = { address: OWN, port: 4789, datagram: datagram(42, message).toString('hex'), count: 600 };
    const before = await readStats(ours);
    const startMs = performance.now();
    await kernel.exec(process.execPath, FLOOD, JSON.stringify(asked));
    await eventually('some are refused', async () => (await drops(ours, 'oam_limited')) > 0);
    await pingJson(peer, 'ov0', OWN, ...QUICK).then(([code]) => assert.equal(code, 0));
    const { totals } = await readStats(ours);
    const answered = totals.answered! - before.totals.answered!;
    const most = 101 + (performance.now() - startMs) / 10;
    assert.ok(answered >= 1 && answered <= most, `${answered} answers, and ${most.toFixed(0)} are allowed`);
    const { endpoint, decap } = (await readStats(ours)).endpoints.find((each) => each.endpoint === `${KERNEL}:4789`)!;
    assert.ok(decap.frames >= answered - 1, `${decap.frames} of ${endpoint}`);
  });

  await step('a VTEP that dies is told of, and its return; one that nobody sends to is not', async () => {
    await kernel.exec('ip', 'addr', 'add', '10.9.0.3/24', 'dev', 'vx0');
    await pingAll(ours, '10.9.0.3');
    const flow = ours.spawn(['ping', '-n', '-q', '-i', '0.2', '10.9.0.3'], { timeoutMs: 120_000 });
    const peerOf = async (ip: string) =>
      (await readStats(ours)).endpoints.find(({ endpoint }) => endpoint === `${ip}:4789`)!;
    await eventually('it is heard', async () => ((await peerOf(KERNEL)).heardSeconds ?? 99) < 5, PATIENCE_MS);
    const { decap } = await peerOf(KERNEL);
    assert.ok(decap.frames >= 3, `${decap.frames} frames of it`);
    await kernel.exec('ip', 'link', 'set', 'eth0', 'down');
    const told = (kind: string) =>
      eventually(
        `${kind} of ${KERNEL}`,
        async () => {
          const { events } = await createClient(ours.socket).events();
          return events.find((event) => event.kind === kind && event.object === `endpoint ${KERNEL}`) ?? null;
        },
        PATIENCE_MS,
      );
    const { overlay, reason } = await told('endpoint_silent');
    assert.equal(overlay, 'ov0');
    assert.match(reason, /^nothing came for \d+ s, nor does its host answer an echo$/);
    assert.deepEqual([(await peerOf(KERNEL)).isSilent, (await peerOf(PEER)).isSilent], [true, false]);
    assert.match(await ours.vxlane('show-stats'), /^10\.88\.88\.3:4789 .* silent \d+s /m);
    const { stdout } = await ours.tryVxlane('doctor', '--json');
    assert.match(stdout, /"silent-vtep"/);
    await kernel.exec('ip', 'link', 'set', 'eth0', 'up');
    assert.match((await told('endpoint_answers')).reason, /^silent for \d+ s$/);
    assert.equal((await peerOf(KERNEL)).isSilent, false);
    await flow.stop();
    const { events } = await createClient(ours.socket).events();
    assert.deepEqual(
      events.filter(({ kind, object }) => kind === 'endpoint_silent' && object !== `endpoint ${KERNEL}`),
      [],
    );
  });

  await step('a host that is gone answers neither', async () => {
    await peer.exec('ip', 'link', 'set', 'eth0', 'down');
    const down = await eventually('neither answers', async () => {
      const [code, view] = await pingJson(ours, 'ov0', PEER, ...SILENT);
      return code === 1 && view.vteps[0]!;
    });
    assert.deepEqual([down.rttMs, down.largest, down.echo?.rttMs], [null, null, null]);
    assert.notEqual(down.echo?.reason, '');
  });
});
