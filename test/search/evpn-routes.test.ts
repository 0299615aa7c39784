/** What is made of routes as GoBGP hands them over: whose they are, and which are of no use. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RouteCodec } from '../../src/search/plugins/evpn/routes.js';
import { MP_REACH, type Path, PMSI } from '../../src/search/plugins/evpn/rpc.js';
import { fabricOf, settingsOf } from '../../src/search/plugins/evpn/settings.js';

const MAC = 'de:ad:be:ef:00:01';
const [HERE, PEER] = ['192.0.2.1', '192.0.2.10'] as const;

function codecOf(vtep: string, values: Readonly<Record<string, string | number>> = {}): RouteCodec {
  const settings = settingsOf({ 'evpn/rd': `${vtep.includes(':') ? '192.0.2.9' : vtep}:23`, ...values }, 23, {
    ip: vtep,
    port: 4789,
  });
  return new RouteCodec(settings, fabricOf(settings, 65_000, '192.0.2.9'));
}

/** The route with another next hop, and another address in its tunnel attribute. */
function by(path: Path, hop: string, tunnel?: readonly number[]): Path {
  const pattrs = path.pattrs.map((each) => {
    if (each.type_url.endsWith(MP_REACH.name))
      return MP_REACH.pack({ ...MP_REACH.decode(each.value), next_hops: [hop] });
    if (!each.type_url.endsWith(PMSI.name) || tunnel === undefined) return each;
    return PMSI.pack({ ...PMSI.decode(each.value), id: Uint8Array.from(tunnel) });
  });
  return { ...path, pattrs };
}

const mac = (sequence = 0, address = MAC) => ({ mac: address, ip: '10.9.0.1', sequence });

describe('routes of others', () => {
  const here = codecOf(HERE);
  const peer = codecOf(PEER);

  it('are read with their place', () => {
    const read = here.read(peer.write(mac(3), false));
    assert.equal(read?.isOwn, false);
    assert.deepEqual(read?.route?.kind === 'mac' && [read.route.vtep, read.route.sequence], [PEER, 3]);
    assert.deepEqual(here.read(peer.write('vtep', false))?.route, { kind: 'vtep', vtep: PEER });
  });

  it('are of no use with a next hop, a tunnel or a MAC that is not one host: the rest of the fabric is', () => {
    for (const hop of ['0.0.0.0', '0.1.2.3', '255.255.255.255', '239.1.1.1', '2001:db8::1', '']) {
      assert.equal(here.read(by(peer.write(mac(), false), hop))?.route, null, hop);
      assert.equal(here.read(by(peer.write('vtep', false), hop))?.route, null, hop);
    }
    for (const tunnel of [
      [239, 1, 1, 1],
      [0, 0, 0, 0],
      [255, 255, 255, 255],
      [192, 0, 2],
    ]) {
      assert.equal(here.read(by(peer.write('vtep', false), PEER, tunnel))?.route, null, tunnel.join('.'));
    }
    for (const address of ['00:00:00:00:00:00', '01:00:5e:00:00:01']) {
      assert.equal(here.read(peer.write(mac(0, address), false))?.route, null, address);
    }
    const [here6, peer6] = [codecOf('2001:db8::1'), codecOf('2001:db8::2', { 'evpn/rd': '192.0.2.10:23' })];
    assert.notEqual(here6.read(peer6.write(mac(), false))?.route, null);
    for (const hop of ['::', 'ff0e::1', PEER])
      assert.equal(here6.read(by(peer6.write(mac(), false), hop))?.route, null);
  });

  it('are not for us where others say what is here', () => {
    assert.equal(here.read(by(peer.write(mac(), false), HERE))?.route, null);
  });
});

describe('own routes', () => {
  const ways = { 'evpn/route_targets': 'import:65000:7,export:65000:8' };

  it('are known though their targets are not imported, with their numbers', () => {
    const codec = codecOf(HERE, ways);
    const read = codec.read(codec.write(mac(4), false));
    assert.deepEqual([read?.isOwn, read?.isCurrent], [true, true]);
    assert.equal(read?.route?.kind === 'mac' && read.route.sequence, 4);
    const vtep = codec.read(codec.write('vtep', false));
    assert.deepEqual([vtep?.isOwn, vtep?.isCurrent, vtep?.route], [true, true, { kind: 'vtep', vtep: HERE }]);
  });

  it('are known, and not current, where this host would tell other targets now, or another VNI', () => {
    const codec = codecOf(HERE, ways);
    for (const values of [{}, { ...ways, 'evpn/vni': 24 }]) {
      for (const advertised of [mac(4), 'vtep' as const]) {
        const read = codec.read(codecOf(HERE, values).write(advertised, false));
        assert.deepEqual([read?.isOwn, read?.isCurrent], [true, false]);
        assert.notEqual(read?.route, null);
      }
    }
  });

  it('of another next hop are ours where they came by an API, and not current; from a neighbour they are not', () => {
    const [codec, before] = [codecOf(HERE), codecOf(PEER, { 'evpn/rd': `${HERE}:23` })];
    for (const neighbor_ip of [undefined, '', '<nil>']) {
      const read = codec.read({ ...before.write(mac(4), false), ...(neighbor_ip !== undefined && { neighbor_ip }) });
      assert.deepEqual([read?.isOwn, read?.isCurrent], [true, false], neighbor_ip);
      assert.equal(read?.route?.kind === 'mac' && read.route.sequence, 4);
      assert.equal(codec.read(before.write('vtep', false))?.route, null, 'whoever wants copies there is this host');
    }
    const read = codec.read({ ...before.write(mac(4), false), neighbor_ip: '192.0.2.254' });
    assert.deepEqual([read?.isOwn, read?.route?.kind], [false, 'mac']);
  });

  it('of another route distinguisher are not ours', () => {
    const read = codecOf(HERE).read(codecOf(HERE, { 'evpn/rd': '192.0.2.1:99' }).write(mac(), false));
    assert.deepEqual([read?.isOwn, read?.route], [false, null]);
  });
});
