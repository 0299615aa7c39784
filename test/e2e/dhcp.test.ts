/** DISCOVER to ACK through `dhcp-proxy`: dnsmasq on zlan, udhcpc on zlan2, which share no broadcast domain. */
import assert from 'node:assert/strict';
import { obtainLease, serveLease } from '../../src/demo/lease.js';
import { buildSeed, type SeedMachine } from '../../src/demo/seed.js';
import { Capture, type Packet } from './capture.js';
import { labTest, readStats } from './support.js';

const FIELDS = ['eth.src', 'eth.dst', 'ip.dst', 'dhcp.option.dhcp', 'dhcp.flags.bc', 'dhcp.option.interface_mtu'];
/** Values of the DHCP message type option, RFC 2132 section 9.6. */
const [DISCOVER, OFFER, REQUEST, ACK] = ['1', '2', '3', '5'];
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

labTest('a DHCP lease through dhcp-proxy', async ({ lab, step }) => {
  const { machines } = await buildSeed(lab);
  const [zlan, zlan2, zlan3] = machines as [SeedMachine, SeedMachine, SeedMachine];
  await serveLease(zlan.host, 'foo0', zlan2.seed.mac, '10.55.55.3');

  for (const broadcast of [false, true]) {
    await step(broadcast ? 'with the broadcast flag (udhcpc -B)' : 'without the broadcast flag', async () => {
      const atServer = await Capture.start(zlan.host, 'foo0', 'udp dst port 67', 'in');
      const atClient = await Capture.start(zlan2.host, 'bar0', 'udp dst port 68', 'in');
      assert.equal(await obtainLease(zlan2.host, 'bar0', { broadcast }), '10.55.55.3');
      const asked = await atServer.stop(FIELDS);
      const answered = await atClient.stop(FIELDS);
      assert.deepEqual(messages(asked), [DISCOVER, REQUEST]);
      assert.deepEqual(messages(answered), [OFFER, ACK]);
      for (const packet of asked) {
        // the frame is unicast to the server's MAC, the packet in it is still the client's broadcast
        assert.deepEqual(packet['eth.src'], [zlan2.seed.mac]);
        assert.deepEqual(packet['eth.dst'], [zlan.seed.mac]);
        assert.deepEqual(packet['ip.dst'], ['255.255.255.255']);
      }
      for (const packet of answered) {
        assert.deepEqual(packet['eth.src'], [zlan.seed.mac]);
        assert.deepEqual(packet['eth.dst'], [zlan2.seed.mac]);
        assert.deepEqual(packet['ip.dst'], [broadcast ? '255.255.255.255' : '10.55.55.3']);
        assert.deepEqual(packet['dhcp.flags.bc'], [broadcast ? '1' : '0']);
        // what the server sends by broadcast passes the proxy, which tells of the MTU; the rest passes none
        assert.deepEqual(packet['dhcp.option.interface_mtu'] ?? [], broadcast ? ['1450'] : []);
      }
    });
  }

  await step('a client without dhcp-proxy is heard by nobody', async () => {
    const atServer = await Capture.start(zlan.host, 'foo0', 'udp dst port 67', 'in');
    await assert.rejects(obtainLease(zlan3.host, 'baz0', { broadcast: false }), /no lease/);
    assert.deepEqual(await atServer.stop(FIELDS), []);
    const stats = await readStats(zlan3.host);
    const unknown = stats.drops.find(({ reason }) => reason === 'dhcp_unknown');
    assert.equal(unknown?.frames, 5); // one for each DISCOVER
  });

  await step('neither end saw a broadcast frame', async () => {
    const atClient = await Capture.start(zlan2.host, 'bar0', `ether dst ${BROADCAST}`, 'in');
    assert.equal(await obtainLease(zlan2.host, 'bar0', { broadcast: true }), '10.55.55.3');
    assert.deepEqual(await atClient.stop(FIELDS), []);
  });
});

function messages(packets: readonly Packet[]): string[] {
  return packets.flatMap((packet) => packet['dhcp.option.dhcp'] ?? []);
}
