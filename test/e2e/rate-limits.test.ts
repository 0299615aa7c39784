/** Rate limits of a VNIC under real floods: frames are counted, wide of what a slow machine could make of them. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { drops, eventually, type Host, labTest, mac, pingAll, readStats } from './support.js';

const SCAN = fileURLToPath(new URL('../../bench/e2e/scan-frames.js', import.meta.url));
/** Frames to everybody, as fast as the interface takes them. */
const STORM =
  'import socket; s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("v1",0))\n' +
  `frame=bytes.fromhex("ffffffffffff${mac(1).replaceAll(':', '')}88b5")+bytes(46)\n` +
  'print("storms",flush=True)\n' +
  'while True:\n' +
  '  try: s.send(frame)\n' +
  '  except OSError: pass\n';

labTest('rate limits', async ({ lab, step, note }) => {
  const ours = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  await lab.addHost('peer', { addresses: ['10.88.88.2/24'] });
  await ours.startDaemon();
  const properties = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', 'direct/dest_ip=10.88.88.2'];
  await ours.vxlane('create-overlay', '-v', '5', '-e', 'vxlan', '-s', 'direct', ...properties, 'ov0');
  const [guest, beside] = [await lab.addMachine('guest'), await lab.addMachine('beside')];
  for (const [host, n] of [
    [guest, 1],
    [beside, 2],
  ] as [Host, number][]) {
    await host.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
    await ours.vxlane('create-vnic', '-m', mac(n), '-l', 'ov0', '-n', host.netns, '-a', `10.5.0.${n}/24`, `v${n}`);
  }

  /** Of v1: frames that it sent, and those that passed. */
  const counted = async () => {
    const { vnics } = await readStats(ours);
    const { tx, drops: lost } = vnics.find(({ name }) => name === 'v1')!;
    return { sent: tx.frames, passed: tx.frames - lost };
  };
  /** What no frame changes any more; while some come, its numbers are of different moments. */
  const atRest = async () => {
    let last = await counted();
    await eventually('no frame comes', async () => {
      const now = await counted();
      const isAtRest = now.sent === last.sent && now.passed === last.passed;
      last = now;
      return isAtRest;
    });
    return last;
  };
  /** While `flood` runs: frames sent, passed, and seconds from the first that is dropped to the end. */
  const during = async (flood: readonly string[], reason: string) => {
    const [before, lost] = [await atRest(), await drops(ours, reason)];
    const sender = guest.spawn(flood, { timeoutMs: 60_000 });
    await eventually(`frames drop as ${reason}`, async () => (await drops(ours, reason)) > lost, 20_000);
    const start = performance.now();
    await eventually('three seconds', async () => performance.now() - start > 3000);
    await sender.stop('SIGKILL');
    const seconds = (performance.now() - start) / 1000;
    const after = await atRest();
    const [sent, passed] = [after.sent - before.sent, after.passed - before.passed];
    note(`${sent} frames sent, ${passed} passed in ${seconds.toFixed(1)} s`);
    return { sent, passed, seconds };
  };
  const limit = (...options: string[]) => ours.vxlane('modify-vnic', ...options, 'v1');
  /** Small frames of 60 bytes. */
  const flood = [process.execPath, SCAN, 'v1', '0', '1', '100000000', '1000000'];

  await step('frames a second', async () => {
    await limit('--rate-pps', '1000');
    const { sent, passed, seconds } = await during(flood, 'rate_limited');
    // looks take their time: a tenth of a second is a burst
    assert.ok(passed > 300 * seconds && passed < 1600 * seconds, `${passed} in ${seconds} s`);
    assert.ok(sent > 2 * passed);
  });

  await step('bits a second', async () => {
    await limit('--rate-pps', 'none', '--rate-bps', '960k'); // 2000 frames of 60 bytes
    const { passed, seconds } = await during(flood, 'rate_limited');
    assert.ok(passed > 600 * seconds && passed < 3200 * seconds, `${passed} in ${seconds} s`);
  });

  await step('broadcast, and nothing else', async () => {
    await limit('--rate-bps', 'none', '--storm-pps', '200');
    await pingAll(guest, '10.5.0.2');
    const { passed, seconds } = await during(['python3', '-c', STORM], 'storm_limited');
    assert.ok(passed > 60 * seconds && passed < 400 * seconds, `${passed} in ${seconds} s`);
  });

  await step('are kept over a restart, and shown', async () => {
    await limit('--rate-pps', '1500');
    await ours.stopDaemon();
    await ours.startDaemon();
    const shown = await ours.vxlane('show-vnic', '-p', '-o', 'ratebps,ratepps,stormpps', 'v1');
    assert.equal(shown.trim(), ':1500:200');
    const { passed, seconds } = await during(flood, 'rate_limited');
    assert.ok(passed > 450 * seconds && passed < 2400 * seconds, `${passed} in ${seconds} s`);
  });

  await step('of none, everything passes again, and a VNIC beside never knew of it', async () => {
    await limit('--rate-pps', 'none', '--storm-pps', 'none');
    const [before, reasons] = [await counted(), ['rate_limited', 'storm_limited']];
    const lost = await Promise.all(reasons.map((reason) => drops(ours, reason)));
    const sender = guest.spawn(flood, { timeoutMs: 60_000 });
    await eventually('20000 frames pass', async () => (await counted()).passed - before.passed > 20_000, 20_000);
    await sender.stop('SIGKILL');
    assert.deepEqual(await Promise.all(reasons.map((reason) => drops(ours, reason))), lost);
    await pingAll(beside, '10.5.0.1');
  });
});
