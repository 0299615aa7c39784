/** `vxlane capture` with real traffic to a kernel's vxlan device, read back by tshark. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { Captured, sightOf, vxlaneArgv } from './captured.js';
import { buildSourceLab, INNER, UNDERLAY } from './source-lab.js';
import { eventually, type Host, iperf, labTest, labTestOnce, mac, pingAll } from './support.js';
import '../support/each-engine.js';

const [OWN, PEER] = UNDERLAY[4];

/** How many captures a daemon has. */
async function open(host: Host): Promise<number> {
  const { daemon } = await host.vxlaneJson<{ daemon: { captures: number } }>('status');
  return daemon.captures;
}

for (const [family, border] of [
  [4, 'socket'],
  [6, 'tap'],
] as const) {
  labTest(`IPv${family}, border ${border}: each frame at each point, with its verdict`, async ({ lab, step }) => {
    const [own, at] = UNDERLAY[family];
    const source = await buildSourceLab(
      lab,
      family,
      'direct',
      [`direct/dest_ip=${at}`],
      ['--underlay', border, '--workers', '2'],
    );
    const { ours, peer } = source;

    await step('echo requests and replies, in a file', async () => {
      const captured = await Captured.start(ours, '--ip', INNER[1]);
      await pingAll(peer, INNER[0]);
      const { said, packets } = await captured.stop();
      assert.equal(said, 'vxlane: 12 packets captured, none was lost');
      const far = family === 4 ? `${at}:4789` : `[${at}]:4789`;
      const sights = [
        'underlay1 1 ov0; goes to v0',
        'v0 2 ov0; delivered',
        `v0 1 ov0; goes to ${far}`,
        'underlay1 2 ov0; sent',
      ];
      assert.deepEqual(packets.map(sightOf).toSorted(), [...sights, ...sights, ...sights].toSorted());
      for (const packet of packets) {
        assert.deepEqual(packet['_ws.malformed'] ?? [], [], JSON.stringify(packet));
        const isUnderlay = packet['frame.interface_name']![0] === 'underlay1';
        assert.deepEqual(packet['vxlan.vni'], isUnderlay ? ['42'] : undefined);
        assert.deepEqual(packet['udp.dstport'], isUnderlay ? ['4789'] : undefined);
        const isRequest = packet['icmp.type']![0] === '8';
        const inner = isRequest ? [INNER[1], INNER[0]] : [INNER[0], INNER[1]];
        assert.deepEqual([packet['ip.src']!.at(-1), packet['ip.dst']!.at(-1)], inner);
        if (!isUnderlay || family === 6) continue;
        const outer = isRequest ? [at, own] : [own, at];
        assert.deepEqual([packet['ip.src']![0], packet['ip.dst']![0]], outer, JSON.stringify(packet));
      }
      assert.equal(statSync(captured.file).mode & 0o777, 0o600, 'what tenants send is nobody else’s');
      const times = await ours.exec('capinfos', '-aeT', captured.file);
      assert.match(times, new RegExp(String(new Date().getFullYear())));
      const text = await ours.exec(
        'tshark',
        '-r',
        captured.file,
        '-o',
        'ip.check_checksum:TRUE',
        '-T',
        'fields',
        '-e',
        'ip.checksum.status',
      );
      assert.doesNotMatch(text, /0/, 'outer IP checksums are right');
    });

    await step('nothing is left on', async () => {
      await eventually('the capture is closed', async () => (await open(ours)) === 0);
    });
  });
}

labTestOnce('filters, the terminal, a pipe into tshark, and super-frames', async ({ lab, step }) => {
  const source = await buildSourceLab(lab, 4, 'direct', [`direct/dest_ip=${PEER}`]);
  const { ours, peer } = source;
  const ping = (count = 3) => peer.exec('ping', '-n', '-c', String(count), '-i', '0.05', '-W', '5', INNER[0]);

  await step('lines for people, and objects for programs; --count ends it', async () => {
    const lines = ours.spawn(vxlaneArgv(ours, 'capture', '--vnic', 'v0', '-c', '4'), { timeoutMs: 60_000 });
    await eventually('it watches', async () => (await open(ours)) === 1);
    await ping();
    const { stdout, stderr, code } = await lines.done;
    assert.equal(code, 0);
    assert.equal(stderr, 'vxlane: 4 packets captured, none was lost\n');
    const [first, second] = stdout.split('\n');
    const echo = `${mac(2)} > ${mac(1)} ${INNER[1]} > ${INNER[0]} ICMP echo request 1`;
    const time = '\\d\\d:\\d\\d:\\d\\d\\.\\d{6}';
    const outer = `${PEER}:\\d+ > ${OWN}:4789 VNI 42`;
    assert.match(first!, new RegExp(`^${time} underlay1 in  ${outer}: ${echo}, 134 bytes \\(ov0; goes to v0\\)$`));
    assert.match(second!, new RegExp(` v0 out ${echo}, 98 bytes \\(ov0; delivered\\)$`));
    const json = ours.spawn(vxlaneArgv(ours, 'capture', '--json', '-c', '1'), { timeoutMs: 60_000 });
    await eventually('it watches', async () => (await open(ours)) === 1);
    await ping();
    const object = JSON.parse((await json.done).stdout) as Record<string, unknown>;
    assert.deepEqual(
      [object.interface, object.direction, object.length, object.comment],
      ['underlay1', 'in', 134, 'ov0; goes to v0'],
    );
  });

  await step('a live pipe', async () => {
    const argv = vxlaneArgv(ours, 'capture', '-w', '-', '--mac', mac(2));
    const live = ours.spawn(
      ['sh', '-c', `${argv.join(' ')} | tshark -l -n -r - -T fields -e frame.comment -e icmp.type`],
      { timeoutMs: 60_000 },
    );
    await eventually('it watches', async () => (await open(ours)) === 1);
    await ping(1);
    await live.printed(/ov0; sent\t0/);
    live.killGroup();
    await eventually('the capture is closed', async () => (await open(ours)) === 0);
  });

  await step('a pipe whose reader has enough', async () => {
    const argv = vxlaneArgv(ours, 'capture', '-w', '-').join(' ');
    const live = ours.spawn(['sh', '-c', `${argv} | head -c 50 > /dev/null`], { timeoutMs: 60_000 });
    await eventually('it watches', async () => (await open(ours)) === 1);
    await eventually('the capture ends', async () => {
      await ping(1);
      return live.ended;
    });
    assert.equal((await live.done).code, 0);
    assert.equal(await open(ours), 0);
  });

  await step('the snap length, and filters that nothing meets', async () => {
    const captures = await Promise.all([
      Captured.start(ours, '--snaplen', '64', '--overlay', 'ov0'),
      Captured.start(ours, '--ip', '10.9.0.77'),
      Captured.start(ours, '--dropped'),
    ]);
    assert.equal(await open(ours), 3);
    await ping();
    const [short, other, dropped] = await Promise.all(captures.map((capture) => capture.stop()));
    assert.deepEqual(
      short!.packets.map((packet) => packet['frame.cap_len']![0]),
      Array(12).fill('64'),
    );
    assert.deepEqual(new Set(short!.packets.flatMap((packet) => packet['frame.len']!)), new Set(['98', '134']));
    assert.deepEqual([other!.packets, dropped!.packets], [[], []]);
  });

  await step('a TCP stream: super-frames with their real length', async () => {
    const captured = await Captured.start(ours, '--vnic', 'v0', '--snaplen', '128');
    const port = ours.spawn(['iperf3', '--server', '--one-off', '--forceflush'], { timeoutMs: 60_000 });
    await port.stop();
    await iperf(ours, peer, INNER[1], '--bytes', '2M');
    const { packets } = await captured.stop();
    const large = packets.filter((packet) => Number(packet['frame.len']![0]) > 3000);
    assert.ok(large.length > 0, `${packets.length} packets`);
    for (const packet of large) assert.match(packet['frame.comment']![0]!, /; super-frame of \d+ frames$/);
  });

  await step('what cannot be meant is refused in one line', async () => {
    const refused: [RegExp, ...string[]][] = [
      [/^vxlane: no such overlay: nope$/m, '--overlay', 'nope'],
      [/^vxlane: no such VNIC: nope$/m, '--vnic', 'nope'],
      [/^vxlane: bad IP address "10\.9": expected/m, '--ip', '10.9'],
      [/^vxlane: bad drop reason "spoofed_sourc": do you mean spoofed_source\?$/m, '--reason', 'spoofed_sourc'],
      [/^vxlane: cannot write the capture to \/nowhere\/x: /m, '-w', '/nowhere/x'],
      [/not a MAC address: "x"/, '--mac', 'x'],
      [/snap length/i, '--snaplen', '10'],
    ];
    for (const [text, ...args] of refused) {
      const { stderr, code } = await ours.tryVxlane('capture', ...args);
      assert.match(stderr, text);
      assert.notEqual(code, 0);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    }
  });
});

labTestOnce('a client that is killed, stopped, or one too many', async ({ lab, step }) => {
  const source = await buildSourceLab(lab, 4, 'direct', [`direct/dest_ip=${PEER}`]);
  const { ours, peer } = source;

  await step('kill -9 leaves nothing on', async () => {
    const captured = await Captured.start(ours);
    assert.equal(await open(ours), 1);
    await captured.running.stop('SIGKILL');
    await eventually('the capture is closed', async () => (await open(ours)) === 0);
  });

  await step('one that reads nothing costs the daemon no more than some megabytes, and traffic nothing', async () => {
    const stopped = await Captured.start(ours);
    stopped.running.signal('SIGSTOP');
    const rss = async () => Number(/VmRSS:\s+(\d+)/.exec(await ours.exec('cat', `/proc/${ours.daemonPid}/status`))![1]);
    const before = await rss();
    await iperf(peer, ours, INNER[0], '--bytes', '100M');
    await pingAll(peer, INNER[0]);
    const grown = (await rss()) - before;
    assert.ok(grown < 160 << 10, `${grown} KiB`);
    stopped.running.signal('SIGCONT');
    const { code, stderr } = await stopped.running.stop('SIGINT');
    assert.equal(code, 0, stderr);
    const said = /^vxlane: (\d+) packets captured, (\d+) more were lost: /.exec(stderr);
    assert.ok(said !== null && Number(said[2]) > 0, stderr);
    const statistics = await ours.exec('capinfos', '-I', stopped.file);
    assert.match(statistics, /Number of packets/);
  });

  await step('eight at a time; a ninth is refused', async () => {
    const captures = [];
    for (let n = 0; n < 8; n++) captures.push(await Captured.start(ours, '--dropped'));
    const { stderr, code } = await ours.tryVxlane('capture');
    assert.deepEqual(
      [stderr, code],
      ['vxlane: 8 captures run already, all that may; end one, or try again later\n', 1],
    );
    for (const captured of captures) await captured.stop();
    assert.equal(await open(ours), 0);
  });

  await step('another daemon takes over: the file ends well, and the next one captures', async () => {
    const captured = await Captured.start(ours);
    await ours.replaceDaemon();
    const { code, stderr } = await captured.running.done;
    assert.equal(code, 0, stderr);
    assert.equal(await open(ours), 0);
  });

  await step('the end of the daemon ends the file well', async () => {
    const captured = await Captured.start(ours);
    await pingAll(peer, INNER[0]);
    await ours.stopDaemon();
    const { code, stderr } = await captured.running.done;
    assert.deepEqual([code, stderr], [0, 'vxlane: 12 packets captured, none was lost\n']);
    assert.equal((await captured.packets()).length, 12);
  });
});
