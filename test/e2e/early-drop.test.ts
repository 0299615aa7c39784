/**
 * Early drop: of what strangers send much, most ends before the queue, and all of it is in the books under its reason.
 * Whoever is known loses nothing, from the moment on that it is.
 */
import assert from 'node:assert/strict';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withNetns } from '../../src/system/netns.js';
import { ENGINE } from '../support/engine.js';
import { SvpServer } from '../support/svp-server.js';
import type { Flood } from './datagram-flood.js';
import { buildSourceLab, createOverlay, INNER, reaching, type SourceLab, UNDERLAY, VNI } from './source-lab.js';
import { eventually, type Host, labTest, mac, pingAll, readStats } from './support.js';

const PROGRAM = fileURLToPath(new URL('./datagram-flood.js', import.meta.url));
const TRAINS = fileURLToPath(new URL('../../bench/e2e/flood-sender.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const COUNT = 4000;
/** So many of one sender may pass in so many milliseconds. */
const BUDGET = { datagrams: 256, ms: 134 };

/** A VXLAN header, and a frame for our VNIC of 46 bytes of payload. */
function datagram({ flags = 8, reserved = 0, vni = VNI, frame = 60 } = {}): string {
  const bytes = Buffer.alloc(8 + frame);
  bytes[0] = flags;
  bytes.writeUInt32BE(vni * 256 + reserved, 4);
  const ethernet = Buffer.from([mac(1), mac(9), '88b5'].join('').replaceAll(':', ''), 'hex');
  bytes.set(ethernet.subarray(0, frame), 8);
  return bytes.toString('hex');
}

/** Datagrams that break a rule, and its name. */
const BROKEN = {
  truncated: datagram({ frame: 13 }),
  bad_vxlan_header: datagram({ flags: 0 }),
  unknown_vni: datagram({ vni: VNI + 1 }),
  reserved_bits: datagram({ reserved: 1 }),
  source_unknown: datagram(),
} as const;
type Reason = keyof typeof BROKEN;

/** Answers how long it took, in milliseconds. */
async function flood({ addresses }: SourceLab, from: Host, bytes: string, count = COUNT): Promise<number> {
  const task: Flood = { address: addresses[0], port: 4789, datagram: bytes, count };
  return Number(await from.exec(process.execPath, PROGRAM, JSON.stringify(task)));
}

/** What did not fit into the queue of the underlay TAP, of what passed. */
async function lostAtTap(ours: Host): Promise<number> {
  const links = await ours.json<{ ifname: string; stats64: { tx: { dropped: number } } }[]>('ip', '-j', '-s', 'link');
  const taps = links.filter(({ ifname }) => ifname.startsWith('vxlane-u'));
  return taps.reduce((sum, { stats64 }) => sum + stats64.tx.dropped, 0);
}

async function statsOf(ours: Host) {
  const { totals, drops, overlays } = await readStats(ours);
  const dropped = (reason: Reason) => drops.find((each) => each.reason === reason)?.frames ?? 0;
  const own = (reason: Reason) => overlays[0]?.drops[reason] ?? 0;
  const { encapIn, decapIn, earlyDropped, injected, copies, tooBigAnswers } = totals as Record<string, number>;
  const { encapOut, delivered, dropped: all, held, upcalled } = totals as Record<string, number>;
  const taken = encapIn! + decapIn! + earlyDropped! + injected! + copies! + tooBigAnswers!;
  return {
    early: earlyDropped!,
    dropped,
    own,
    isBalanced: taken === encapOut! + delivered! + all! + held! + upcalled!,
  };
}

/** All that is sent is dropped for that reason, most of it early, and the books balance. */
async function isDroppedEarly(
  lab: SourceLab,
  from: Host,
  reason: Reason,
  isOverlays: boolean,
  bytes: string = BROKEN[reason],
): Promise<void> {
  const before = await statsOf(lab.ours);
  const lostBefore = await lostAtTap(lab.ours);
  const ms = await flood(lab, from, bytes);
  const count = COUNT - ((await lostAtTap(lab.ours)) - lostBefore);
  const after = await eventually(`${count} are in the books as ${reason}`, async () => {
    const stats = await statsOf(lab.ours);
    return stats.dropped(reason) >= before.dropped(reason) + count && stats.isBalanced && stats;
  });
  assert.equal(after.dropped(reason) - before.dropped(reason), count);
  if (isOverlays) assert.equal(after.own(reason) - before.own(reason), count);
  const periods = Math.ceil(ms / BUDGET.ms) + 1;
  const early = after.early - before.early;
  assert.ok(early < COUNT, 'some pass, so that the datapath names who sends them');
  assert.ok(early >= COUNT - periods * BUDGET.datagrams, `${early} of ${COUNT} were dropped early, in ${ms} ms`);
}

/**
 * Datagrams of two kinds in turns, which cross the kernel joined by eights: for half a second, far more than may pass
 * of one sender.
 */
function floodInTurns({ addresses }: SourceLab, from: Host): Promise<string> {
  const kinds = [BROKEN.unknown_vni, BROKEN.source_unknown];
  return from.exec(process.execPath, TRAINS, addresses[0], '4789', '8', '60000', '0.5', ...kinds);
}

/** All that is sent gets to the datapath. */
async function passes(lab: SourceLab, send: () => Promise<unknown>): Promise<void> {
  const before = await statsOf(lab.ours);
  await send();
  // What has just come fills the queue of the TAP, on a busy machine for a while.
  const ping = ['ping', '-n', '-c', '1', '-W', '1', INNER[0]];
  await eventually('the peer is answered', async () => (await lab.peer.try(ping)).code === 0);
  assert.equal((await statsOf(lab.ours)).early, before.early);
}

const STRICT = 'strict-header=true';

for (const [family, border] of [
  [4, 'socket'],
  [4, 'tap'],
  [6, 'socket'],
  [6, 'tap'],
] as const) {
  labTest(`IPv${family}, border ${border}: by reason, and who is known`, async ({ lab, step }) => {
    const [, at, strange] = UNDERLAY[family];
    const options = ['--underlay', border];
    const given = [`direct/dest_ip=${at}`, STRICT];
    const source = await buildSourceLab(lab, family, 'direct', given, options);
    const { ours, peer, stranger } = source;
    await pingAll(peer, INNER[0]);
    const allow = (ip: string) => ours.vxlane('modify-overlay', '-p', `source-allow=${ip}`, 'ov0');

    for (const reason of ['truncated', 'bad_vxlan_header', 'unknown_vni', 'reserved_bits', 'source_unknown'] as const) {
      await step(`${reason}: all of ${COUNT} are counted`, () => {
        return isDroppedEarly(source, stranger, reason, reason === 'reserved_bits' || reason === 'source_unknown');
      });
    }

    await step(
      'what a known VTEP sends that breaks a rule is dropped as well, and what does not comes in',
      async () => {
        await isDroppedEarly(source, peer, 'bad_vxlan_header', false);
        await passes(source, () => flood(source, peer, BROKEN.source_unknown));
        assert.equal(await reaching(source, peer), 3);
      },
    );

    await step('the stranger is named, with the command that lets it in', async () => {
      assert.ok((await ours.vxlane('status')).includes(`vxlane modify-overlay -p source-allow=${strange} ov0`));
    });

    await step('known from now on, and no more', async () => {
      await allow(strange);
      await passes(source, () => flood(source, stranger, BROKEN.source_unknown));
      assert.equal(await reaching(source, stranger), 3);
      await allow('none');
      await isDroppedEarly(source, stranger, 'source_unknown', true);
    });

    await step('two kinds in turns, joined: dropped, unless an overlay at that port takes anybody', async () => {
      const areDropped = (where: string) =>
        eventually(`they are dropped ${where}`, async () => {
          const { early } = await statsOf(ours);
          await floodInTurns(source, stranger);
          return (await statsOf(ours)).early > early;
        });
      const anybody = async (port: string) => {
        const given = [`vxlan/listen_ip=${source.addresses[0]}`, `vxlan/listen_port=${port}`, 'source-check=off'];
        const properties = [...given, `direct/dest_ip=${at}`].flatMap((property) => ['-p', property]);
        const name = `anybody${port}`;
        await ours.vxlane('create-overlay', '-v', String(VNI + 2), '-e', 'vxlan', '-s', 'direct', ...properties, name);
      };
      await areDropped('where none does');
      await anybody('4790');
      await areDropped('where one does at another port');
      await ours.vxlane('delete-overlay', 'anybody4790'); // what was dropped until now is in the books then
      await anybody('4789');
      await passes(source, () => floodInTurns(source, stranger));
      await ours.vxlane('delete-overlay', 'anybody4789');
    });

    await step('source-check=off: anybody', async () => {
      await ours.vxlane('modify-overlay', '-p', 'source-check=off', 'ov0');
      await passes(source, () => flood(source, stranger, BROKEN.source_unknown));
      await ours.vxlane('modify-overlay', '-p', 'source-check=vtep', 'ov0');
      await isDroppedEarly(source, stranger, 'source_unknown', true);
    });

    // What a restart does to the filter differs by border, not by family.
    const again: Readonly<Record<string, () => Promise<unknown>>> =
      (family === 4) === (border === 'tap')
        ? {}
        : {
            'a restart': () => ours.stopDaemon().then(() => ours.startDaemon(...options)),
            'kill -9': () => ours.stopDaemon('SIGKILL').then(() => ours.startDaemon(...options)),
            '--replace': () => ours.replaceDaemon(...options),
          };
    for (const [what, change] of Object.entries(again)) {
      await step(`after ${what}`, async () => {
        await change();
        await ours.vxlane('wait');
        assert.equal(await reaching(source, peer), 3);
        await isDroppedEarly(source, stranger, 'source_unknown', true);
        await allow(strange);
        await passes(source, () => flood(source, stranger, BROKEN.source_unknown));
        await allow('none');
      });
    }

    await step('the overlay is deleted, and made again', async () => {
      const other = ['-p', `vxlan/listen_ip=${source.addresses[0]}`, '-p', `direct/dest_ip=${at}`];
      await ours.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', '-s', 'direct', ...other, 'other');
      await ours.vxlane('delete-vnic', 'v0');
      await ours.vxlane('delete-overlay', 'ov0');
      await isDroppedEarly(source, peer, 'unknown_vni', false, BROKEN.source_unknown);
      await createOverlay(ours, source.addresses[0], 'direct', given);
      await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
      await ours.exec('ip', 'addr', 'add', `${INNER[0]}/24`, 'dev', 'v0');
      await ours.exec('ip', 'neigh', 'replace', INNER[1], 'lladdr', mac(2), 'dev', 'v0', 'nud', 'permanent');
      await passes(source, () => flood(source, peer, BROKEN.source_unknown));
    });
  });
}

labTest('svp: who sends first while a stranger floods is asked about, and loses nothing', async ({ lab }) => {
  const home = await lab.addHost('svp', { addresses: ['10.88.88.100/24'] });
  const server = new SvpServer();
  await server.listen((listener: Server) => withNetns(home.netns, () => listener.listen(1296)));
  try {
    const [own, at] = UNDERLAY[4];
    server.set(VNI, mac(1), { ip: own, owns: [] });
    server.set(VNI, mac(2), { ip: at, owns: [] });
    const source = await buildSourceLab(lab, 4, 'svp', ['svp/host=10.88.88.100', `svp/underlay_ip=${own}`]);
    const { ours, peer, stranger } = source;
    const flooding = flood(source, stranger, BROKEN.source_unknown, 5 * COUNT);
    await eventually('the flood is dropped early', async () => (await statsOf(ours)).early > 0);
    assert.equal(await reaching(source, peer), 3, 'its first request waits for the answer');
    await flooding;
    assert.ok((await ours.vxlane('status')).includes(`frames of ${UNDERLAY[4][2]}`));
  } finally {
    await server.close();
  }
});

labTest('a daemon that may not use eBPF decides all in the datapath, and takes the filter off', async ({ lab }) => {
  const source = await buildSourceLab(lab, 4, 'direct', [`direct/dest_ip=${UNDERLAY[4][1]}`]);
  const { ours, peer, stranger } = source;
  await isDroppedEarly(source, stranger, 'source_unknown', true);
  const drop = ['setpriv', '--bounding-set=-bpf,-sys_admin', '--inh-caps=-bpf,-sys_admin'];
  const where = ['--socket', ours.socket, '--state-dir', join(ours.dir, 'state')];
  const daemon = ours.spawn([...drop, process.execPath, MAIN, 'daemon', '--replace', '--engine', ENGINE, ...where], {
    timeoutMs: 120_000,
  });
  await daemon.printed(/"msg":"ready"/);
  assert.match(daemon.stdout + daemon.stderr, /no early drop/);
  const before = await statsOf(ours);
  await flood(source, stranger, BROKEN.source_unknown);
  await pingAll(peer, INNER[0]);
  const after = await statsOf(ours);
  assert.equal(after.early, 0);
  assert.ok(after.dropped('source_unknown') > before.dropped('source_unknown') + COUNT / 2);
  await daemon.stop();
});
