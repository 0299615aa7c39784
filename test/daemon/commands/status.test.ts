/** The status of a daemon: well, and with each part broken. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture } from '../fixture.js';

describe('the status', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('of a daemon says engine, underlay, and what it may do', () => {
    const { daemon, overlays, problems } = fixture().daemon.status();
    assert.deepEqual([overlays, problems], [[], []]);
    assert.ok(daemon.capabilities.includes('CAP_NET_ADMIN'));
    assert.match(daemon.underlay.border, /^(tap|socket)$/);
  });

  it('of an overlay counts VNICs and peers', async () => {
    const { daemon, overlay, vnic } = withBound(fixture());
    await daemon.createOverlay(overlay());
    await daemon.createVnic(vnic());
    await daemon.setTarget('overlay0', 'de:ad:be:ef:00:07', { destination: '127.0.0.8:4789' });
    await daemon.setTarget('overlay0', 'de:ad:be:ef:00:08', { destination: '127.0.0.8:4790' });
    const { overlays, problems } = daemon.status();
    // Whatever the kernel says of its own on a new interface may be dropped in this very second: a note.
    assert.deepEqual(
      problems.filter(({ severity }) => severity === 'bad'),
      [],
    );
    const [row] = overlays;
    assert.deepEqual(
      { ...row, mtu: 0, dropsPerSecond: 0 },
      {
        ...{ name: 'overlay0', vni: 23, search: 'files', status: 'ONLINE', vnics: 1, vnicsUp: 1, peers: 1, mtu: 0 },
        ...{ details: '', state: 'serving', framesPerSecond: 0, dropsPerSecond: 0, pluginPlace: 'thread (of 1)' },
      },
    );
  });

  it('says that what arrives belongs to no overlay, with VNI and sender', async () => {
    const { daemon, overlay } = withBound(fixture());
    const request = overlay();
    await daemon.createOverlay(request);
    const stranger = createSocket('udp4');
    await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.7', resolve));
    const datagram = Buffer.from('0800000000006300ffffffffffff0200000000010806', 'hex');
    const port = Number(request.properties['vxlan/listen_port']);
    const send = () => stranger.send(datagram, port, '127.0.0.1');
    const told = () => daemon.status().problems.find(({ text }) => /belong to no overlay/.test(text));
    await until(() => {
      send();
      return told() !== undefined;
    });
    stranger.close();
    const { severity, text, command } = told()!;
    assert.deepEqual([severity, command], ['note', 'vxlane show-stats']);
    assert.match(text, /^\d+ datagrams\/s that belong to no overlay are dropped, most as unknown_vni: /);
    assert.match(text, / \(last seen: VNI 99 from 127\.0\.0\.7\)$/);
  });

  it('names an overlay that is DEGRADED, a VNIC whose interface is gone, and the commands that show them', async () => {
    const { daemon, overlay, vnic } = withBound(fixture());
    await daemon.createOverlay(overlay());
    const made = vnic();
    await daemon.createVnic(made);
    writeFileSync(fixture().hosts, '{ nonsense');
    await daemon.reload();
    fixture().netns.exec('ip', 'link', 'delete', made.name);
    await until(() => daemon.status().problems.some(({ command }) => command === `vxlane show-vnic ${made.name}`));
    writeFileSync(fixture().hosts, '{}');
    const { overlays, problems } = daemon.status();
    assert.deepEqual([overlays[0]!.status, overlays[0]!.vnicsUp], ['DEGRADED', 0]);
    assert.match(problems[0]!.text, /^overlay overlay0 is DEGRADED: /);
    assert.deepEqual([problems[0]!.severity, problems[0]!.command], ['bad', 'vxlane show-overlay -f overlay0']);
    await daemon.reload();
  });

  it('does not call a VNIC down that forwards, whatever else is odd about it', async () => {
    const { daemon, overlay, vnic } = withBound(fixture());
    await daemon.createOverlay(overlay());
    const made = vnic();
    await daemon.createVnic(made);
    fixture().netns.exec('ip', 'link', 'add', 'br0', 'type', 'bridge');
    fixture().netns.exec('ip', 'link', 'set', made.name, 'master', 'br0');
    await until(() => daemon.status().problems.length === 2);
    const { overlays, problems } = daemon.status();
    fixture().netns.exec('ip', 'link', 'delete', 'br0');
    assert.equal(overlays[0]!.vnicsUp, 1);
    assert.match(problems[1]!.text, new RegExp(`^VNIC ${made.name}: a bridge has its interface`));
  });

  it('has rates of frames and of drops that are not expected, with the reason of most', async () => {
    const { daemon, overlay, vnic } = withBound(fixture());
    await daemon.createOverlay(overlay());
    const made = vnic();
    await daemon.createVnic(made);
    const { netns, running } = fixture();
    netns.exec('ip', 'addr', 'add', '10.55.55.2/24', 'dev', made.name);
    netns.exec('ip', 'neigh', 'add', '10.55.55.3', 'lladdr', '02:00:00:00:00:99', 'dev', made.name);
    assert.throws(() => netns.exec('ping', '-c', '50', '-i', '0.002', '-W', '1', '10.55.55.3'), 'nobody answers');
    let status = daemon.status();
    await until(() => {
      status = daemon.status();
      return status.problems.some(({ text }) => text.includes('no_such_mac'));
    });
    assert.ok(status.overlays[0]!.dropsPerSecond > 0);
    const [note] = status.problems;
    assert.equal(note?.severity, 'note');
    assert.match(note!.text, /^overlay overlay0 drops \d+ frames\/s, most as no_such_mac: /);
    assert.equal(note?.command, 'vxlane show-stats overlay0');
    // A question of the kernel's own that is open while the clock leaps fails, and is another problem.
    await until(() => {
      running.pass(5000);
      return !daemon.status().problems.some((problem) => / drops \d+ frames\/s/.test(problem.text));
    });
  });
});

function withBound(fixture: ReturnType<ReturnType<typeof daemonFixture>>) {
  return { daemon: fixture.daemon, overlay: () => fixture.overlay(), vnic: () => fixture.vnic() };
}
