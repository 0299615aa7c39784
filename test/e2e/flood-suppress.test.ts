/** Requests for addresses of hosts elsewhere, answered from what those say: against two kernel VTEPs. */
import assert from 'node:assert/strict';
import { Capture } from './capture.js';
import { buildFloodLab, INNER } from './flood-lab.js';
import { eventually, type Host, labTest, pingAll } from './support.js';

const TUNNEL = 'udp dst port 4789';

/** Asks once for the address of the first kernel's device; whether there is an answer. */
const isAnswered = async (host: Host) =>
  (await host.try(['arping', '-c', '1', '-w', '1', '-I', 'v0', INNER[1]])).code === 0;

labTest('flood: ARP is answered for hosts elsewhere', async ({ lab, step }) => {
  const properties = ['flood/arp_suppress=true', 'flood/arp_ageing=3600'];
  const { ours, kernels } = await buildFloodLab(lab, { properties });
  const [first, second] = kernels;
  await first.exec('ip', 'neigh', 'replace', INNER[0], 'lladdr', await macOf(ours), 'dev', 'vx0', 'nud', 'permanent');
  /** 8: it answers no request, and all else is as before. */
  const silence = (ignore: 0 | 8) => first.exec('sysctl', '-q', '-w', `net.ipv4.conf.vx0.arp_ignore=${ignore}`);

  await step('an unknown address is asked for everywhere', async () => {
    const elsewhere = await Capture.start(second, 'eth0', TUNNEL, 'in');
    await pingAll(ours, INNER[1]);
    const requests = await elsewhere.stop(['frame.number'], `arp.opcode == 1 && arp.dst.proto_ipv4 == ${INNER[1]}`);
    assert.notEqual(requests.length, 0);
  });

  await step('one that was heard of is asked for once more, so that another owner can say so', async () => {
    await eventually('it was', async () => {
      const end = await ours.vxlane('trace', '--json', '--from', 'v0', '--arp', INNER[1], 'ov0');
      return (await isAnswered(ours)) && !end.includes('flooded');
    });
  });

  await step('then it is asked for nowhere, and its owner need not answer', async () => {
    const elsewhere = await Capture.start(second, 'eth0', TUNNEL, 'in');
    await silence(8);
    await ours.exec('ip', 'neigh', 'flush', 'dev', 'v0');
    await pingAll(ours, INNER[1]);
    assert.ok(await isAnswered(ours));
    assert.deepEqual(await elsewhere.stop(['frame.number'], 'arp'), []);
    assert.match(await ours.vxlane('lookup', 'ov0', INNER[1]), /learned/);
  });

  await step('whether an address is taken is for its owner to say', async () => {
    const probe = ['arping', '-D', '-c', '1', '-w', '1', '-I', 'v0', INNER[1]];
    assert.equal((await ours.try(probe)).code, 0, 'its owner is silent');
    await silence(0);
    assert.equal((await ours.try(probe)).code, 1, 'it says so');
  });

  await step('an owner that is silent for too long is answered for no more, and again when it speaks', async () => {
    await silence(8);
    await ours.vxlane('modify-overlay', '-p', 'flood/arp_ageing=1', 'ov0');
    await eventually('nobody answers', async () => !(await isAnswered(ours)));
    await silence(0);
    await eventually('its owner answers', () => isAnswered(ours));
  });
});

async function macOf(host: Host): Promise<string> {
  return (await host.exec('cat', '/sys/class/net/v0/address')).trim();
}
