/** ARP and NDP as the proxies answer them: arping, ndisc6 and the kernel's duplicate address detection ask. */
import assert from 'node:assert/strict';
import { buildSeed, type SeedMachine } from '../../src/demo/seed.js';
import { Capture, type Packet } from './capture.js';
import { addressesOf, drops, eventually, type Host, type LabTest, labTest, untilUsable } from './support.js';

const ARP = ['eth.src', 'eth.dst', 'arp.opcode', 'arp.src.hw_mac', 'arp.src.proto_ipv4', 'arp.dst.proto_ipv4'];
const ND = [
  'eth.src',
  'eth.dst',
  'ipv6.src',
  'ipv6.dst',
  'ipv6.hlim',
  'icmpv6.type',
  'icmpv6.checksum.status',
  'icmpv6.nd.na.flag.r',
  'icmpv6.nd.na.flag.s',
  'icmpv6.nd.na.flag.o',
  'icmpv6.nd.na.target_address',
  'icmpv6.opt.linkaddr',
];

labTest('neighbours are found through the proxies', async ({ lab, step }) => {
  const { machines } = await buildSeed(lab);
  await Promise.all(machines.map(({ host, seed }) => untilUsable(host, seed.vnic)));
  const [zlan, zlan2] = machines as [SeedMachine, SeedMachine, SeedMachine];
  // whatever passes on another host's VNIC would be a broadcast that leaked
  const leak = await Capture.start(zlan2.host, 'bar0', 'arp or (icmp6 and ip6[40] == 135)', 'in');
  await arpSteps(zlan, step);
  await ndpSteps(zlan, step);
  await step('no question reached the hosts that were asked about', async () => {
    assert.deepEqual(await leak.stop(ARP), []);
  });
  await step('a unicast ARP request to a known MAC is an ordinary frame, which its owner answers', async () => {
    const seen = await Capture.start(zlan2.host, 'bar0', 'arp', 'inout');
    // the first request is broadcast and answered by the proxy, the second goes to the MAC that the answer named
    await zlan.host.exec('arping', '-c', '2', '-w', '5', '-I', 'foo0', '10.55.55.3');
    const packets = await seen.stop(ARP);
    const shape = packets.map((packet) => [packet['arp.opcode']?.[0], packet['eth.dst']?.[0]]);
    assert.deepEqual(shape, [
      ['1', zlan2.seed.mac],
      ['2', zlan.seed.mac],
    ]);
  });
});

type Step = LabTest['step'];

async function arpSteps({ host, seed }: SeedMachine, step: Step): Promise<void> {
  await step('ARP request for a known address: a unicast reply with its owner', async () => {
    const replies = await arpAnswers(host, ['-c', '1', '-w', '5', '10.55.55.3'], 0);
    const reply = {
      'eth.src': ['de:ad:be:ef:00:01'],
      'eth.dst': [seed.mac],
      'arp.opcode': ['2'],
      'arp.src.hw_mac': ['de:ad:be:ef:00:01'],
      'arp.src.proto_ipv4': ['10.55.55.3'],
      'arp.dst.proto_ipv4': [seed.ipv4],
    };
    assert.deepEqual(replies, [reply]);
  });

  await step('ARP request for an unknown address: silence, counted as arp_unknown', async () => {
    const before = await drops(host, 'arp_unknown');
    assert.deepEqual(await arpAnswers(host, ['-c', '1', '-w', '1', '10.55.55.99'], 1), []);
    assert.equal(await drops(host, 'arp_unknown'), before + 1);
  });

  await step('ARP probe: answered for an address of another host, so that duplicates are found', async () => {
    const [reply, ...more] = await arpAnswers(host, ['-D', '-c', '1', '-w', '2', '10.55.55.3'], 1);
    assert.deepEqual(more, []);
    assert.deepEqual(reply?.['arp.src.hw_mac'], ['de:ad:be:ef:00:01']);
    assert.deepEqual(reply?.['eth.dst'], [seed.mac]);
    assert.deepEqual(reply?.['arp.dst.proto_ipv4'], ['0.0.0.0']);
  });

  await step("ARP probe for the asker's own address: silence", async () => {
    assert.deepEqual(await arpAnswers(host, ['-D', '-c', '1', '-w', '1', seed.ipv4], 0), []);
  });

  // the kernel sends other group frames now and then, and those too count as no_flood_list
  for (const [kind, option, reason, noise] of [
    ['request', '-U', 'arp_gratuitous', 0],
    ['reply', '-A', 'no_flood_list', 10],
  ] as const) {
    await step(`ARP announcement as a ${kind}: not answered and not forwarded, counted as ${reason}`, async () => {
      const before = await drops(host, reason);
      assert.deepEqual(await arpAnswers(host, [option, '-c', '1', '-w', '1', seed.ipv4], null), []);
      const counted = (await drops(host, reason)) - before;
      assert.ok(counted >= 1 && counted <= 1 + noise, `${counted} frames`);
    });
  }
}

/** Runs arping on foo0 (it must end with `status`, null: any) and answers every ARP frame that came in meanwhile. */
async function arpAnswers(host: Host, args: readonly string[], status: number | null): Promise<Packet[]> {
  const capture = await Capture.start(host, 'foo0', 'arp', 'in');
  const outcome = await host.try(['arping', '-I', 'foo0', ...args]);
  if (status !== null) assert.equal(outcome.code, status, outcome.stdout + outcome.stderr);
  return capture.stop(ARP);
}

async function ndpSteps({ host, seed }: SeedMachine, step: Step): Promise<void> {
  await step('neighbour solicitation for a known address: a solicited advertisement of its owner', async () => {
    const capture = await Capture.start(host, 'foo0', 'icmp6 and ip6[40] == 136', 'in');
    const said = await host.exec('ndisc6', '-1', '-r', '1', '-w', '3000', 'fe80::4', 'foo0');
    assert.match(said, /de:ad:be:ef:00:01/i);
    assert.deepEqual(await capture.stop(ND), [
      advertisement({ to: seed.mac, destination: seed.ipv6, solicited: true }),
    ]);
  });

  await step('neighbour solicitation for an unknown address: silence, counted as ndp_unknown', async () => {
    const before = await drops(host, 'ndp_unknown');
    const outcome = await host.try(['ndisc6', '-1', '-r', '1', '-w', '1000', 'fe80::99', 'foo0']);
    assert.equal(outcome.code, 2, outcome.stdout + outcome.stderr);
    assert.equal(await drops(host, 'ndp_unknown'), before + 1);
  });

  await step('duplicate address detection finds the address of another host', async () => {
    const capture = await Capture.start(host, 'foo0', 'icmp6 and ip6[40] == 136', 'in');
    await host.exec('ip', '-6', 'addr', 'add', 'fe80::4/64', 'dev', 'foo0');
    await eventually('fe80::4 is marked as a duplicate', async () => {
      const all = await addressesOf(host, 'foo0');
      return all.some(({ local, dadfailed }) => local === 'fe80::4' && dadfailed === true);
    });
    await host.exec('ip', '-6', 'addr', 'del', 'fe80::4/64', 'dev', 'foo0');
    const [answer] = await capture.stop(ND);
    assert.deepEqual(answer, advertisement({ to: '33:33:00:00:00:01', destination: 'ff02::1', solicited: false }));
  });

  await step(
    'duplicate address detection passes for an address that nobody has, and for one that is its own',
    async () => {
      await host.exec('ip', '-6', 'addr', 'add', 'fe80::77/64', 'dev', 'foo0');
      await host.exec('ip', '-6', 'addr', 'del', `${seed.ipv6}/64`, 'dev', 'foo0');
      await host.exec('ip', '-6', 'addr', 'add', `${seed.ipv6}/64`, 'dev', 'foo0');
      await untilUsable(host, 'foo0');
      await host.exec('ip', '-6', 'addr', 'del', 'fe80::77/64', 'dev', 'foo0');
    },
  );
}

/** zlan2's advertisement as behaviour.md wants it: Override where it was not solicited, never Router. */
function advertisement(answer: { to: string; destination: string; solicited: boolean }): Packet {
  return {
    'eth.src': ['de:ad:be:ef:00:01'],
    'eth.dst': [answer.to],
    'ipv6.src': ['fe80::4'],
    'ipv6.dst': [answer.destination],
    'ipv6.hlim': ['255'],
    'icmpv6.type': ['136'],
    'icmpv6.checksum.status': ['1'],
    'icmpv6.nd.na.flag.r': ['0'],
    'icmpv6.nd.na.flag.s': [answer.solicited ? '1' : '0'],
    'icmpv6.nd.na.flag.o': [answer.solicited ? '0' : '1'],
    'icmpv6.nd.na.target_address': ['fe80::4'],
    'icmpv6.opt.linkaddr': ['de:ad:be:ef:00:01'],
  };
}
