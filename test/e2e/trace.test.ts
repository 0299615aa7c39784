/** `vxlane trace` on a host with a plugin that knows addresses: each question, and what then really happens. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createOverlay } from './source-lab.js';
import { type Host, labTest, mac, pingAll, readStats } from './support.js';

const [OWN, PEER] = ['10.88.88.1', '10.88.88.2'];

/** End and exit status. */
async function end(host: Host, ...args: string[]): Promise<[end: string, code: number | null]> {
  const { stdout, stderr, code } = await host.tryVxlane('trace', 'ov0', ...args);
  assert.equal(stderr, '');
  return [/^end +(.*)$/m.exec(stdout)![1]!, code];
}

labTest('trace: says what would become of each frame, and changes nothing', async ({ lab, step }) => {
  const ours = await lab.addHost('ours', { addresses: [`${OWN}/24`] });
  const peer = await lab.addHost('peer', { addresses: [`${PEER}/24`] });
  const table = {
    [mac(1)]: { ip: OWN, arp: '10.9.0.1', ndp: 'fd09::1' },
    [mac(2)]: { ip: PEER, arp: '10.9.0.2', ndp: 'fd09::2', 'dhcp-proxy': mac(1) },
    [mac(3)]: { ip: OWN, 'dhcp-proxy': mac(2) },
  };
  const file = join(lab.dir, 'hosts.json');
  writeFileSync(file, JSON.stringify(table));
  for (const [host, listen, last] of [
    [ours, OWN, 1],
    [peer, PEER, 2],
  ] as const) {
    await host.startDaemon();
    await createOverlay(host, listen, 'files', [`files/config=${file}`]);
    await host.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
    await host.vxlane('create-vnic', '-m', mac(last), '-l', 'ov0', `v${last}`, '-a', `10.9.0.${last}/24`);
  }
  await ours.vxlane('create-vnic', '-m', mac(3), '-l', 'ov0', 'v3');

  await step('each question', async () => {
    const asked = new RegExp(`^waits for the answer, and goes to ${PEER}:4789$`);
    const cases: [args: string[], end: RegExp, code: number][] = [
      [['--from', 'v1', '--ping', '10.9.0.2'], asked, 0],
      [['--from', 'v1', '--ping', 'fd09::2'], asked, 0],
      [['--from', 'v1', '--to', mac(3)], /^goes to that$/, 0],
      [['--from', 'v1', '--to', mac(1)], /^is dropped: hairpin: /, 3],
      [['--from', 'v1', '--to', mac(9)], /^is dropped: no_such_mac: /, 3],
      [['--from', 'v1', '--arp', '10.9.0.2'], new RegExp(`^is answered to vnic v1: by ${mac(2)}$`), 0],
      [['--from', 'v1', '--arp', '10.9.0.1'], /^is dropped: owner_answers: /, 3],
      [['--from', 'v1', '--arp', '10.9.0.9'], /^is dropped: arp_unknown: /, 3],
      [['--from', 'v1', '--ns', 'fd09::2'], /^is answered to vnic v1: by /, 0],
      [['--from', 'v1', '--ns', 'fd09::9'], /^is dropped: ndp_unknown: /, 3],
      [['--from', 'v3', '--dhcp'], new RegExp(`^is sent on to ${mac(2)}$`), 0],
      [['--from', 'v1', '--dhcp'], /^is dropped: dhcp_unknown: /, 3],
      [['--from', 'v1', '--frame', `${mac(2)}${mac(7)}88b5`], /^is dropped: spoofed_source: /, 3],
      [['--from', 'v1', '--frame', '00'], /^is dropped: truncated: /, 3],
      [['--from', PEER, '--frame', `${mac(1)}${mac(2)}88b5`], /^goes to that$/, 0],
      [['--from', '10.88.88.9', '--frame', `${mac(1)}${mac(9)}88b5`], /^is dropped: source_unknown: /, 3],
    ];
    for (const [args, expected, code] of cases) {
      const [said, status] = await end(ours, ...args);
      assert.match(said, expected, args.join(' '));
      assert.equal(status, code, args.join(' '));
    }
  });

  await step('nothing was sent, counted or learned; then a real ping goes as the trace said', async () => {
    const { totals } = await readStats(ours);
    assert.deepEqual([totals.encapIn, totals.encapOut, totals.delivered, totals.upcalls], [0, 0, 0, 0]);
    await pingAll(ours, '10.9.0.2');
    const text = await ours.vxlane('trace', 'ov0', '--from', 'v1', '--ping', '10.9.0.2');
    const lines = text.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(' ')[0]),
      [...['traced', 'address', 'frame', 'sender', 'tags', 'protection', 'destination', 'leaves', 'end']],
    );
    assert.ok(lines[1]!.endsWith(`10.9.0.2 is at ${mac(2)}: search plugin files says so`), text);
    assert.match(lines[7]!, new RegExp(`to ${PEER}:4789 by source port \\d+, TOS 0, TTL 64, DF$`));
  });

  await step('what cannot be traced is refused in one line', async () => {
    const refused: [RegExp, ...string[]][] = [
      [
        /bad trace: --from nix: neither a VNIC of ov0 nor the IP address of a VTEP/,
        '--from',
        'nix',
        '--arp',
        '10.9.0.2',
      ],
      [/bad trace: expected one of frame, arp, ns, ping, dhcp and to/, '--from', 'v1'],
      [/bad trace: of a VTEP a whole frame is needed/, '--from', PEER, '--arp', '10.9.0.2'],
      [/bad trace: not an IPv4 address: fd09::2/, '--from', 'v1', '--arp', 'fd09::2'],
      [/bad trace: a frame is 1 to 9238 bytes/, '--from', 'v1', '--frame', 'xyz'],
      [/bad trace: the search plugin does not know who has 10\.9\.0\.77/, '--from', 'v1', '--ping', '10.9.0.77'],
    ];
    for (const [text, ...args] of refused) {
      const { stderr, code } = await ours.tryVxlane('trace', 'ov0', ...args);
      assert.match(stderr, text);
      assert.deepEqual([code, stderr.trim().split('\n').length], [1, 1], stderr);
    }
  });
});
