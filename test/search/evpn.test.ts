/** The `evpn` plugin on a real GoBGP: whose a MAC is, what is told of this host, and what outlives what. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { pasted } from '../support/evpn-manual.js';
import { AS, GoBgp, ROUTER_ID } from '../support/gobgp.js';
import { freePort } from '../support/ports.js';
import { needsPrograms } from '../support/server-process.js';
import { until } from '../support/until.js';
import { HERE, HIGH, LOW, MAC, OtherHost, started } from './evpn-rig.js';

/** Of 10,000 GoBGP itself takes half a minute to be told. */
const MANY = 2000;
/** Until a BGP session is up: both sides take their time. */
const SESSION_MS = 60_000;

const missing = needsPrograms('gobgpd', 'gobgp');
describe('evpn', { skip: missing, concurrency: 2 }, () => {
  it('follows the sticky route, then the highest sequence number, then the lowest VTEP', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const [low, high] = [new OtherHost(gobgp, LOW), new OtherHost(gobgp, HIGH)];
    await high.tell([MAC], 0, '10.9.0.1');
    const { at, instance, said } = await started(gobgp);
    assert.equal(await at(MAC), HIGH);
    assert.deepEqual(await instance.arp?.('10.9.0.1', 0), { mac: MAC });
    await low.tell([MAC], 1);
    await until(async () => (await at(MAC)) === LOW);
    assert.equal(await instance.arp?.('10.9.0.1', 0), null, 'addresses are those of the best place');
    assert.deepEqual(
      await instance.candidates?.(MAC),
      [LOW, HIGH].map((ip) => ({ ip, port: 4789 })),
    );
    await high.tell([MAC], 2);
    await until(async () => (await at(MAC)) === HIGH);
    await low.tell([MAC], 2);
    await until(async () => (await at(MAC)) === LOW);
    await high.tellSticky('de:ad:be:ef:00:02');
    await low.tell(['de:ad:be:ef:00:02'], 7);
    await until(async () => (await at('de:ad:be:ef:00:02')) === HIGH);
    await low.takeBack(MAC);
    await until(async () => (await at(MAC)) === HIGH);
    for (const ip of [null, '10.9.0.1']) await high.takeBack(MAC, ip);
    await until(async () => (await at(MAC)) === null);
    assert.deepEqual(said.slice(-1), [`withdraw ${MAC}`]);
    assert.deepEqual(await instance.candidates?.(MAC), []);
  });

  it('takes what is for this overlay: target, VNI; and says where it floods to', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const { at, instance, said } = await started(gobgp, { 'evpn/route_targets': 'auto,import:*:77' });
    await gobgp.mac({ mac: 'de:ad:be:ef:00:02', vtep: LOW, label: 24 });
    await gobgp.mac({ mac: 'de:ad:be:ef:00:03', vtep: LOW, target: '65000:24' });
    await gobgp.mac({ mac: MAC, vtep: LOW, target: '4200000000:77' });
    await gobgp.vtep(LOW);
    await until(async () => (await at(MAC)) === LOW && said.includes('flood changed'));
    for (const mac of ['de:ad:be:ef:00:02', 'de:ad:be:ef:00:03']) assert.equal(await at(mac), null);
    const flood = await instance.flood?.();
    assert.deepEqual(flood?.endpoints, [{ ip: LOW, port: 4789 }]);
    await gobgp.vtep(LOW, 'del');
    await until(() => said.filter((each) => each === 'flood changed').length === 2);
  });

  it('tells of a MAC that came here with a number above what was heard, and lets it go when it leaves', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const low = new OtherHost(gobgp, LOW);
    await low.tell([MAC], 4);
    const { at, instance, said } = await started(gobgp);
    assert.equal(await at(MAC), LOW);
    await instance.localAdded?.({ mac: MAC, ips: ['10.9.0.1'] });
    const told = async () => (await gobgp.routes(` ${HERE} `)).filter((line) => line.includes(MAC));
    await until(async () => (await told()).length === 2);
    for (const line of await told()) assert.match(line, /mac-mobility: 5/);
    assert.equal(await at(MAC), null, 'it is here');
    assert.equal(said.length, 0, 'the host knows that');
    await low.tell([MAC], 6);
    await until(() => said.includes(`put ${MAC} ${LOW}`));
    await instance.localRemoved?.(MAC);
    await until(async () => (await told()).length === 0);
  });

  it('what is here stays for the next instance, which takes back what nobody wants again', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const first = await started(gobgp);
    const all = [MAC, 'de:ad:be:ef:00:02'];
    for (const mac of all) await first.instance.localAdded?.({ mac, ips: [] });
    const told = async () => (await gobgp.routes(` ${HERE} `)).length;
    await until(async () => (await told()) === 3);
    await first.stop('to_resume');
    assert.equal(await told(), 3);
    const second = await started(gobgp);
    await second.instance.localAdded?.({ mac: MAC, ips: [] });
    await second.stop('for_good');
    assert.equal(await told(), 0);
    const third = await started(gobgp, { 'evpn/graceful': 0 });
    await third.instance.localAdded?.({ mac: MAC, ips: [] });
    await until(async () => (await told()) === 2);
    await third.stop('to_resume');
    assert.equal(await told(), 0);
  });

  it('hands over to an instance with other properties: what that one does not tell is taken back', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const swaps: readonly Readonly<Record<string, string | number>>[] = [
      { 'evpn/graceful': 0 },
      { 'evpn/graceful': 0, 'evpn/ageing': 60 },
      { 'evpn/rd': '192.0.2.1:9' },
      { 'evpn/rd': '192.0.2.1:9', 'evpn/vtep': '192.0.2.2' },
      { 'evpn/rd': '192.0.2.1:9', 'evpn/route_targets': 'auto,export:65000:9' },
      { 'evpn/vni': 24 },
    ];
    let serving = await started(gobgp);
    await serving.instance.localAdded?.({ mac: MAC, ips: [] });
    await until(async () => (await gobgp.routes('')).length === 2);
    for (const values of swaps) {
      const next = await started(gobgp, values);
      await next.instance.localAdded?.({ mac: MAC, ips: [] });
      const { 'evpn/rd': rd = `${ROUTER_ID}:${values['evpn/vni'] ?? 23}`, 'evpn/vtep': vtep = HERE } = values;
      const isTold = async () =>
        (await gobgp.routes(`[rd:${rd}]`)).filter((line) => line.includes(` ${vtep} `)).length === 2;
      await until(isTold);
      await serving.stop('to_resume', values);
      await until(async () => (await gobgp.routes('')).length === 2 && (await isTold()));
      const targets = values['evpn/route_targets'] === undefined ? /65000:2[34]/ : /65000:9/;
      for (const line of await gobgp.routes('')) assert.match(line, targets);
      serving = next;
    }
  });

  it('keeps what it knows when GoBGP ends, tells it what is here, and forgets what has not come back', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    await gobgp.mac({ mac: MAC, vtep: LOW });
    await gobgp.mac({ mac: 'de:ad:be:ef:00:02', vtep: LOW });
    const { at, instance, said } = await started(gobgp);
    await instance.localAdded?.({ mac: 'de:ad:be:ef:00:03', ips: [] });
    await until(async () => (await gobgp.routes(` ${HERE} `)).length === 2);
    await gobgp.kill();
    await until(() => /^degraded: evpn\/gobgp .*what was known stays/.test(said.at(-1) ?? ''));
    assert.equal(await at(MAC), LOW);
    await gobgp.start();
    await gobgp.mac({ mac: MAC, vtep: LOW });
    await until(() => said.at(-1) === 'restored');
    await until(async () => (await gobgp.routes(` ${HERE} `)).length === 2);
    await until(async () => (await at('de:ad:be:ef:00:02')) === null);
    assert.equal(await at(MAC), LOW);
    assert.deepEqual(
      said.filter((each) => /^(put|withdraw) .*:01/.test(each)),
      [],
    );
  });

  it('uses the routes of a neighbour that restarts gracefully for as long as GoBGP keeps them', async () => {
    const port = freePort();
    const leafWith = (seconds: number, more = '') => ({
      routerId: '192.0.2.8',
      bgpPort: port,
      neighbours: neighbour('127.0.0.2', 'passive-mode = true', seconds, more),
    });
    const leaf = await GoBgp.of(leafWith(600), '--graceful-restart');
    const gobgp = await GoBgp.of({
      neighbours: neighbour('127.0.0.1', `local-address = "127.0.0.2"\n    remote-port = ${port}`, 600),
    });
    for (const each of [leaf, gobgp]) after(() => each.remove());
    await leaf.mac({ mac: MAC, vtep: LOW });
    const { at, said } = await started(gobgp);
    await until(async () => (await at(MAC)) === LOW, SESSION_MS);
    const before = said.length;
    await leaf.kill();
    await until(() => /^degraded: GoBGP has no BGP session that is up/.test(said.at(-1) ?? ''));
    assert.equal(await at(MAC), LOW);

    // Its session may begin when it knows everything again, as that of a router does.
    await leaf.start(leafWith(2, 'admin-down = true'));
    await leaf.mac({ mac: MAC, vtep: LOW });
    await leaf.ctl('neighbor', '127.0.0.2', 'enable');
    await until(() => said.at(-1) === 'restored', SESSION_MS);
    assert.equal(await at(MAC), LOW);
    assert.deepEqual(
      said.slice(before).map((each) => each.replace(/:.*/, '')),
      ['degraded', 'restored'],
      'it was never gone',
    );

    await leaf.kill();
    await until(() => said.at(-1) === `withdraw ${MAC}`, SESSION_MS);
    assert.match(said.at(-2) ?? '', /^degraded: GoBGP has no BGP session/);
    assert.equal(await at(MAC), null);
  });

  it(`loads ${MANY} MACs`, async (t) => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const macs = Array.from({ length: MANY }, (_, n) => `02:00:00:00:${hex(n >> 8)}:${hex(n & 255)}`);
    await new OtherHost(gobgp, LOW).tell(macs);
    const startedMs = performance.now();
    const { at, instance } = await started(gobgp);
    t.diagnostic(`loaded after ${Math.round(performance.now() - startedMs)} ms`);
    let count = 0;
    for await (const _ of instance.entries?.() ?? []) count++;
    assert.equal(count, MANY);
    assert.equal(await at(macs.at(-1)!), LOW);
  });
});

/** A neighbour at an address, with what the manual says of graceful restart. */
function neighbour(address: string, transport: string, restartSeconds: number, more = ''): string {
  const graceful = pasted('toml', 1).replaceAll(/restart-time = \d+/g, `restart-time = ${restartSeconds}`);
  return `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${AS}
    ${more}
  [neighbors.transport.config]
    ${transport}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
${graceful}`;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
