/** The `evpn` plugin on a real GoBGP: MACs that two hosts claim, and fabrics that are set up in unusual ways. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { UNKNOWN } from '../../src/search/plugins/evpn/rpc.js';
import { certificate } from '../support/etcd.js';
import { GoBgp } from '../support/gobgp.js';
import { needsPrograms } from '../support/server-process.js';
import { until } from '../support/until.js';
import { HERE, HIGH, LOW, MAC, OtherHost, started } from './evpn-rig.js';

const OTHER = 'de:ad:be:ef:00:02';

async function gobgpFor(...options: readonly string[]): Promise<GoBgp> {
  const gobgp = await GoBgp.start(...options);
  after(() => gobgp.remove());
  return gobgp;
}

/** Sequence numbers of our routes of a MAC, one for each route. */
const toldBy = (gobgp: GoBgp) => async (mac: string) => {
  const lines = (await gobgp.routes(` ${HERE} `)).filter((line) => line.includes(mac));
  return lines.map((line) => Number(/mac-mobility: (\d+)/.exec(line)?.[1] ?? 0));
};

const missing = needsPrograms('gobgpd', 'gobgp', 'openssl');
describe('evpn in a fabric', { skip: missing, concurrency: 2 }, () => {
  it('a MAC of ours that another claims is told of no more, until it speaks again or that claim is gone', async () => {
    const gobgp = await gobgpFor();
    const told = toldBy(gobgp);
    const high = new OtherHost(gobgp, HIGH);
    const { instance, said, at } = await started(gobgp);
    const local = { mac: MAC, ips: ['10.9.0.1'] };
    await instance.localAdded?.(local);
    await until(async () => (await told(MAC)).join() === '0,0');
    await high.tell([MAC], 4);
    await until(async () => (await told(MAC)).length === 0);
    assert.equal(await at(MAC), HIGH);
    assert.deepEqual(said, [`put ${MAC} ${HIGH}`], 'the host knows whether a VNIC has it');
    await instance.localAdded?.(local);
    await until(async () => (await told(MAC)).join() === '5,5');
    await high.tell([MAC], 8);
    await until(async () => (await told(MAC)).length === 0);
    await high.takeBack(MAC);
    await until(async () => (await told(MAC)).join() === '9,9');
    assert.equal(await at(MAC), null);
  });

  it('a MAC that two hosts have is said, and with evpn/freeze left where it is for a while', async () => {
    const gobgp = await gobgpFor();
    const told = toldBy(gobgp);
    const low = new OtherHost(gobgp, LOW);
    const rules = { 'evpn/move_limit': 2, 'evpn/freeze': 3 };
    const { instance, said, at } = await started(gobgp, rules);
    await low.tell([MAC], 1);
    await until(async () => (await at(MAC)) === LOW);
    await instance.localAdded?.({ mac: MAC, ips: [] });
    await until(async () => (await told(MAC)).join() === '2');
    await low.tell([MAC], 3);
    await until(async () => (await told(MAC)).length === 0);
    await instance.localAdded?.({ mac: MAC, ips: [] });
    await until(() =>
      said.some((each) => /^degraded: MACs moved more than 2 times in 180 s, frozen .*:01$/.test(each)),
    );
    await until(() => said.at(-1) === 'restored');
    assert.deepEqual(await told(MAC), [], 'it was frozen there');
    await instance.localAdded?.({ mac: MAC, ips: [] });
    await until(async () => (await told(MAC)).join() === '4');
  });

  it('a MAC here that is sticky elsewhere stays there, which is said', async () => {
    const gobgp = await gobgpFor();
    const high = new OtherHost(gobgp, HIGH);
    await high.tellSticky(MAC);
    const { instance, said, at } = await started(gobgp);
    await instance.localAdded?.({ mac: MAC, ips: [] });
    assert.equal(await at(MAC), HIGH);
    assert.equal(said.at(-1), `degraded: MACs are here that are sticky elsewhere: ${MAC} at ${HIGH}`);
    await high.takeBack(MAC);
    await until(() => said.at(-1) === 'restored');
  });

  it('routers are known as such, and a MAC on an Ethernet segment is at its VTEP', async () => {
    const gobgp = await gobgpFor();
    const low = new OtherHost(gobgp, LOW);
    const flags = (value: number) => UNKNOWN.pack({ type: 6, value: Uint8Array.of(8, value, 0, 0, 0, 0, 0) });
    await low.tellWith(MAC, 'fd09::1', flags(1), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
    await low.tellWith(OTHER, 'fd09::2', flags(2));
    assert.match((await gobgp.routes(MAC)).join(), /ESI_ARBITRARY/, 'GoBGP has the segment');
    const { instance, at } = await started(gobgp);
    assert.equal(await at(MAC), LOW);
    assert.deepEqual(await instance.ndp?.('fd09::1', 0), { mac: MAC, router: true });
    assert.deepEqual(await instance.ndp?.('fd09::2', 0), { mac: OTHER });
  });

  it('without evpn/arp_suppress nobody is answered for, and everything else is as with it', async () => {
    const gobgp = await gobgpFor();
    await new OtherHost(gobgp, LOW).tell([MAC], 0, '10.9.0.1');
    const { instance, at } = await started(gobgp, { 'evpn/arp_suppress': 'false' });
    assert.equal(await at(MAC), LOW);
    assert.deepEqual([instance.arp, instance.ndp], [undefined, undefined]);
  });

  it('evpn/vni is what routes carry, both ways', async () => {
    const gobgp = await gobgpFor();
    await gobgp.mac({ mac: MAC, vtep: LOW, label: 5023, target: '65000:5023' });
    await gobgp.mac({ mac: OTHER, vtep: LOW, label: 23, target: '65000:5023' });
    const { instance, at } = await started(gobgp, { 'evpn/vni': 5023 });
    assert.deepEqual([await at(MAC), await at(OTHER)], [LOW, null]);
    await instance.localAdded?.({ mac: OTHER, ips: [] });
    await until(async () => (await gobgp.routes(` ${HERE} `)).length === 2);
    for (const line of await gobgp.routes(` ${HERE} `)) assert.match(line, /\[rd:192\.0\.2\.9:5023\].*65000:5023/);
    assert.match((await gobgp.routes(` ${HERE} `)).find((line) => line.includes(OTHER)) ?? '', /\[5023\]/);
  });

  it('auto-rfc8365 finds who derives its targets so; an AS of four octets has none', async () => {
    const gobgp = await gobgpFor();
    const values = { 'evpn/route_targets': 'auto-rfc8365' };
    await new OtherHost(gobgp, LOW, values).tell([MAC]);
    const { at } = await started(gobgp, values);
    assert.equal(await at(MAC), LOW);
    assert.match((await gobgp.routes(MAC)).join(), new RegExp(`65000:${0x1000_0000 + 23}`));
    const large = await GoBgp.of({ asn: 4_200_000_000 });
    after(() => large.remove());
    await assert.rejects(started(large, values), /auto-rfc8365 has no room for AS 4200000000: expected AS:NUMBER/);
    await started(large, { 'evpn/route_targets': 'auto' });
  });

  it('GoBGP is reached with TLS, if it is who evpn/ca says', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vxlane-tls-'));
    after(() => rmSync(directory, { recursive: true }));
    const ca = certificate(directory, 'authority').cert;
    const { cert, key } = certificate(directory, 'server', 'authority');
    const stranger = certificate(directory, 'stranger').cert;
    const gobgp = await gobgpFor('--tls', '--tls-cert-file', cert, '--tls-key-file', key);
    const at = { 'evpn/gobgp': `https://${gobgp.endpoint}` };
    const { instance } = await started(gobgp, { ...at, 'evpn/ca': ca });
    assert.equal(await instance.lookup({ vni: 23, mac: MAC, sourceMac: MAC, etherType: 0, vlan: 0 }), null);
    await assert.rejects(started(gobgp, { ...at, 'evpn/ca': stranger }), /^Error: evpn\/gobgp https.*certificate/);
    await assert.rejects(started(gobgp), /evpn\/gobgp 127\.0\.0\.1:\d+: /, 'without TLS');
  });
});
