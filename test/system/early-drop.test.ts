import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EarlyDropKernel } from '../../src/system/early-drop.js';
import { detachFilter } from '../../src/system/socket-filter.js';
import { openUnderlay } from '../../src/system/udp.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { leavesNoDescriptor } from './descriptors.js';
import { sendOne } from './messages.js';

const ENDPOINT = { ip: '127.0.0.1', port: freePort() };
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
      kernel.attach(fd, { family: 4, socket: 1, number: 1 });
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
});
