import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EarlyDropKernel } from '../../src/system/early-drop.js';
import { detachFilter } from '../../src/system/socket-filter.js';
import { openUnderlay } from '../../src/system/udp.js';
import { openUnderlayTap } from '../../src/system/underlay-tap.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { buildFrame } from '../support/super-frames.js';
import { PLAIN_UDP } from '../support/udp.js';
import { leavesNoDescriptor } from './descriptors.js';
import { sendOne } from './messages.js';
import { flow, OURS, PORT, UnderlayHost } from './underlay-host.js';

const ENDPOINT = { ip: '127.0.0.1', port: freePort() };
/** VXLAN headers of these VNIs, 60 bytes of a frame behind each. */
const joined = (...vnis: number[]) =>
  Buffer.concat(vnis.map((vni) => Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, vni, 0]), Buffer.alloc(60)])));
const LISTENER = { family: 4, socket: 1, number: 1 } as const;
const LISTENING = { 4: '127.0.0.1', 6: '::1' } as const;
/** More than may pass while the sending lasts. */
const MANY = 4000;

describe('the program of early drop', { skip: needsRoot() }, () => {
  it('drops what is of no VNI, but not in a pause; stays with the socket; and is taken off', () => {
    leavesNoDescriptor(() => {
      const kernel = new EarlyDropKernel({ listeners: 2, overlays: 4, vteps: 4 });
      const { listeners, close } = openUnderlay({ listen: ENDPOINT, ...PLAIN_UDP });
      const fd = listeners[0]!;
      const send = () => {
        const before = kernel.total().datagrams;
        for (let sent = 0; sent < MANY; sent++) sendOne(fd, ENDPOINT.ip, ENDPOINT.port, Buffer.alloc(60, 8));
        return kernel.total().datagrams - before;
      };
      kernel.attach(fd, LISTENER);
      const dropped = send();
      assert.ok(dropped > 0 && dropped < MANY, `${dropped}`);
      assert.deepEqual(kernel.atListener(1), { datagrams: dropped, bytes: dropped * 60 });
      assert.deepEqual(kernel.byRule(4)(0, 'unknown_vni'), kernel.total());
      assert.equal(kernel.byRule(4)(3, 'source_unknown').datagrams, 0);
      kernel.pause();
      assert.equal(send(), 0);
      kernel.resume();
      assert.ok(send() > 0);
      detachFilter(fd);
      assert.equal(send(), 0);
      detachFilter(fd);
      kernel.close();
      close();
    });
  });

  it('what a virtual network card has joined, and not counted, is looked at and counted one by one', () => {
    const host = new UnderlayHost();
    const kernel = new EarlyDropKernel({ listeners: 2, overlays: 5, vteps: 4 });
    const tap = host.inside(() => openUnderlayTap(1, kernel.tables));
    try {
      host.tap.detach(host.ifindex('nic0'));
      host.inside(() => tap.attach(host.ifindex('nic0')));
      tap.listen({ ip: OURS[4], port: PORT }, 1);
      kernel.putVni(7, { overlay: 1, socket: 1, checksSender: false, isStrict: false });
      // Of virtio: checksum to be made, UDP in segments of 68 bytes behind headers of 42, the checksum's place.
      const vnet = Buffer.from([1, 5, 42, 0, 68, 0, 34, 0, 6, 0]);
      const droppedOf = (...vnis: number[]) => {
        const before = kernel.total().datagrams;
        for (let sent = 0; sent < MANY; sent++) host.wire.write(buildFrame(flow(4), joined(...vnis)), vnet);
        return kernel.total().datagrams - before;
      };
      const dropped = droppedOf(8, 8, 8);
      assert.ok(dropped > 0 && dropped % 3 === 0, `${dropped}`);
      assert.equal(droppedOf(8, 7), 0, 'one is of a VNI that is here');
    } finally {
      tap.close();
      kernel.close();
      host.close();
    }
  });

  for (const family of [4, 6] as const) {
    it(`IPv${family}: drops what the kernel has joined if all of it is alike, or nobody here knows its sender`, () => {
      const kernel = new EarlyDropKernel({ listeners: 2, overlays: 5, vteps: 4 });
      const listen = { ip: LISTENING[family], port: freePort() };
      const { listeners, setGro, close } = openUnderlay({ listen, ...PLAIN_UDP });
      const fd = listeners[0]!;
      assert.ok(setGro(true));
      const open = { checksSender: false, isStrict: false };
      kernel.putVni(7, { overlay: 1, socket: 1, ...open });
      kernel.attach(fd, { ...LISTENER, family });
      const droppedOf = (...vnis: number[]) => {
        const before = kernel.total().datagrams;
        const payload = joined(...vnis);
        for (let sent = 0; sent < MANY; sent++) assert.equal(sendOne(fd, listen.ip, listen.port, payload, 68), 1);
        return kernel.total().datagrams - before;
      };
      const dropped = droppedOf(8, 8, 8);
      assert.ok(dropped > 0 && dropped % 3 === 0, `${dropped}`);
      assert.equal(droppedOf(8, 7), 0);
      assert.equal(droppedOf(8, 8, 8, 8, 7), 0);
      kernel.putVni(7, { overlay: 1, socket: 1, checksSender: true, isStrict: false });
      const strangers = droppedOf(8, 7);
      assert.ok(strangers > 0 && strangers % 2 === 0, `${strangers}`);
      kernel.putVtep(1, listen.ip);
      kernel.putVtep(2, listen.ip);
      assert.equal(droppedOf(8, 7), 0, 'an overlay knows the sender');
      kernel.deleteVtep(1, listen.ip);
      assert.equal(droppedOf(8, 7), 0, 'another does');
      kernel.deleteVtep(2, listen.ip);
      assert.ok(droppedOf(8, 7) > 0, 'none does any more');
      kernel.putVni(9, { overlay: 3, socket: 1, ...open });
      kernel.putVni(10, { overlay: 4, socket: 1, ...open });
      assert.equal(droppedOf(8, 7), 0, 'there are two that take anybody');
      kernel.deleteVni(10, 1);
      assert.equal(droppedOf(8, 7), 0, 'there is one');
      kernel.deleteVni(9, 1);
      assert.ok(droppedOf(8, 7) > 0, 'they are gone');
      kernel.putVni(9, { overlay: 3, socket: 2, ...open });
      assert.ok(droppedOf(8, 7) > 0, 'one on another socket is not asked');
      const longest = droppedOf(...Array(64).fill(8));
      assert.ok(longest > 0 && longest % 64 === 0, `${longest}`);
      kernel.close();
      close();
    });
  }
});
