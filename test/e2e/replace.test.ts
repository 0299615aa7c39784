/** A daemon takes the place of the one that runs, and nobody who sends frames notices. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { DaemonView } from '../../src/control/protocol.js';
import '../support/each-engine.js';
import { buildKernelPair, INNER } from './kernel-pair.js';
import { eventually, type Host, iperf, labTest, labTestOnce, mac, pingAll } from './support.js';

/** One a millisecond. */
const PINGS = 6000;

const daemonOf = async (host: Host) => (await host.vxlaneJson<{ daemon: DaemonView }>('status')).daemon;

/** The daemon is replaced, as often as options are given, while pings are under way. */
async function losesNothing(from: Host, to: string, ours: Host, replacements: readonly string[][]): Promise<string> {
  const argv = ['ping', '-n', '-q', '-i', '0.001', '-c', String(PINGS), '-W', '3', to];
  const pings = from.spawn(argv, { timeoutMs: 60_000 });
  for (const options of replacements) {
    const before = await daemonOf(ours);
    const ended = await ours.replaceDaemon(...options);
    assert.equal(ended?.code, 0, JSON.stringify(ended));
    assert.notEqual((await daemonOf(ours)).pid, before.pid);
  }
  const { stdout } = await pings.done;
  assert.match(stdout, new RegExp(`${PINGS} packets transmitted, ${PINGS} received, 0% packet loss`));
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** Nobody may wait for a process whose parent has ended: then it is a zombie for ever, which holds nothing. */
function hasEnded(pid: number): boolean {
  const path = `/proc/${pid}/status`;
  return !existsSync(path) || /^State:\s+Z/m.test(readFileSync(path, 'utf8'));
}

labTest('no frame is lost', async ({ lab, step, note }) => {
  const { ours, kernels } = await buildKernelPair(lab, { mtu: 1400 });
  await pingAll(ours, INNER.kernels[0]);

  await step(`${PINGS} pings, one a millisecond, each way`, async () => {
    note(await losesNothing(ours, INNER.kernels[0], ours, [[]]));
    note(await losesNothing(kernels, INNER.ours[0], ours, [[]]));
  });

  await step('the next daemon has sockets alone, and the one after it a TAP beside them', async () => {
    note(await losesNothing(kernels, INNER.ours[0], ours, [['--underlay', 'socket'], []]));
  });

  await step('vxlane replace has the daemon see to it', async () => {
    const { pid } = await daemonOf(ours);
    const argv = ['ping', '-n', '-q', '-i', '0.001', '-c', String(PINGS), '-W', '3', INNER.ours[0]];
    const pings = kernels.spawn(argv, { timeoutMs: 60_000 });
    const said = await ours.vxlane('replace');
    const now = await daemonOf(ours);
    assert.notEqual(now.pid, pid);
    assert.match(said, new RegExp(`^vxlane \\S+ \\(pid ${pid}\\) is replaced by vxlane \\S+ \\(pid ${now.pid}\\)\\n$`));
    const { stdout } = await pings.done;
    assert.match(stdout, / 0% packet loss/);
    process.kill(now.pid, 'SIGTERM');
    await eventually('it has ended', async () => hasEnded(now.pid));
    await ours.startDaemon();
  });

  await step('a TCP stream each way goes on', async () => {
    for (const extra of [[], ['--reverse']]) {
      const stream = iperf(ours, kernels, INNER.kernels[0], '--time', '4', ...extra);
      await ours.replaceDaemon();
      const { sum_received: received, sum_sent: sent } = (await stream).end;
      note(`${Math.round(received.bits_per_second / 1e6)} Mbit/s, ${sent.retransmits} retransmits`);
      assert.ok(received.bytes > 1_000_000);
    }
  });
});

labTestOnce('what is learned, and who may not take over', async ({ lab, step }) => {
  const ours = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  const kernels = await lab.addHost('kernels', { addresses: ['10.88.88.2/24'] });
  const tunnel = ['id', '7', 'local', '10.88.88.2', 'remote', '10.88.88.1', 'dstport', '4789'];
  await kernels.exec('ip', 'link', 'add', 'vx0', 'address', mac(2), 'type', 'vxlan', ...tunnel);
  await kernels.exec('ip', 'link', 'set', 'vx0', 'mtu', '1400', 'up');
  await kernels.exec('ip', 'addr', 'add', '10.9.0.2/24', 'dev', 'vx0');
  await ours.startDaemon();
  const properties = ['vxlan/listen_ip=10.88.88.1', 'flood/endpoints=10.88.88.2', 'mtu=1400'];
  const given = properties.flatMap((property) => ['-p', property]);
  await ours.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', '-s', 'flood', ...given, 'ov0');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await ours.exec('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'v0');
  await pingAll(ours, '10.9.0.2');

  const learned = async () => {
    const targets = await ours.vxlaneJson<{ mac: string }[]>('show-overlay', '-t', 'ov0');
    return targets.map(({ mac: each }) => each);
  };

  await step('MACs that were learned are known at once', async () => {
    assert.ok((await learned()).includes(mac(2)));
    // Nothing is heard of the peer meanwhile.
    await kernels.exec('ip', 'link', 'set', 'vx0', 'down');
    await ours.replaceDaemon();
    await eventually('it is known', async () => (await learned()).includes(mac(2)));
    await kernels.exec('ip', 'link', 'set', 'vx0', 'up');
    await pingAll(ours, '10.9.0.2');
  });

  await step('one with other queues is refused, and the daemon goes on', async () => {
    const { pid } = await daemonOf(ours);
    await assert.rejects(ours.replaceDaemon('--workers', '3'), /as it was to take over/);
    assert.match(ours.daemonLog(), /does not hand over: it has 1 workers, .* and the other one 3/);
    assert.equal((await daemonOf(ours)).pid, pid);
    await pingAll(ours, '10.9.0.2');
  });

  await step('one that goes away half-way leaves the daemon as it was', async () => {
    const begun = JSON.stringify({ pid: process.pid, workers: 1 });
    const url = 'http://vxlane/v1/handover';
    await ours.exec('curl', '-sf', '--unix-socket', ours.socket, '-d', begun, url);
    const refused = await ours.tryVxlane('delete-vnic', 'v0');
    assert.match(refused.stderr, /another daemon is taking the place of this one: try again in a moment/);
    await pingAll(ours, '10.9.0.2');
    await eventually('it takes commands', async () => (await ours.tryVxlane('delete-vnic', 'v0')).code === 0);
    assert.match(ours.daemonLog(), /the daemon that was taking over is gone: this one goes on/);
  });

  await step('where none runs, it starts', async () => {
    await ours.stopDaemon();
    await ours.startDaemon('--replace');
    assert.match(ours.daemonLog(), /there is no daemon to replace/);
  });
});
