import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { parseUdpTable } from '../../src/system/holders.js';
import { withNetns } from '../../src/system/netns.js';
import { openUnderlay, type UnderlayOptions } from '../../src/system/udp.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_UDP } from '../support/udp.js';
import { leavesNoDescriptor } from './descriptors.js';

describe('an underlay socket that cannot be had', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const open = (ip: string, port: number, changes: Partial<UnderlayOptions> = {}) =>
    withNetns(netns.name, () => openUnderlay({ listen: { ip, port }, ...PLAIN_UDP, ...changes }));
  const refuses = (ip: string, port: number, expected: object, changes: Partial<UnderlayOptions> = {}) =>
    leavesNoDescriptor(() => assert.throws(() => open(ip, port, changes), { name: 'VxlaneError', ...expected }));
  const us = `pid ${process.pid} \\([^)]+\\)`;

  it('because a process has the port: it is named', () => {
    const socket = open('127.0.0.1', 4789);
    refuses('127.0.0.1', 4789, {
      code: 'port_in_use',
      errnoName: 'EADDRINUSE',
      message: new RegExp(`^listen on 127.0.0.1:4789/udp: the port is held by ${us} \\(EADDRINUSE\\)$`),
    });
    refuses('0.0.0.0', 4789, { message: new RegExp(`held by ${us}`) });
    socket.close();
  });

  it('because a process has the port on every address, IPv4 and IPv6 alike', () => {
    const wildcard = open('::', 4789);
    refuses('::1', 4789, { message: new RegExp(`^listen on \\[::1\\]:4789/udp: the port is held by ${us}`) });
    wildcard.close();
  });

  it('because a dual-stack socket has the port', async () => {
    const dual = createSocket('udp6');
    dual.bind(0, '::');
    await once(dual, 'listening');
    const { port } = dual.address();
    assert.throws(() => openUnderlay({ listen: { ip: '127.0.0.1', port }, ...PLAIN_UDP }), {
      message: new RegExp(`held by ${us}`),
    });
    dual.close();
  });

  it("because the kernel's own vxlan device has the port", () => {
    netns.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', 'id', '7', 'local', '127.0.0.1', 'dstport', '4790');
    netns.exec('ip', 'link', 'set', 'vx0', 'up');
    refuses('127.0.0.1', 4790, {
      code: 'port_in_use',
      message: /the port is held by the kernel, perhaps by a vxlan device \(EADDRINUSE\)$/,
    });
  });

  it('because no interface has the address', () => {
    for (const [ip, shown] of [
      ['10.99.99.99', '10.99.99.99'],
      ['fd99::99', 'fd99::99'],
    ] as const) {
      refuses(ip, 4789, {
        code: 'address_not_local',
        message: `listen on port 4789/udp: no interface here has address ${shown} (EADDRNOTAVAIL)`,
      });
    }
  });
});

describe('the kernel table of UDP ports', () => {
  const HEAD =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer\n';
  const row = (address: string, inode: number) =>
    `  277: ${address} 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 ${inode} 2 0000000000000000 0\n`;

  it('gives addresses in any family', () => {
    const table =
      HEAD +
      row('0100007F:12B5', 4242) +
      row('00000000000000000000000000000000:0035', 0) +
      row('000066FD000000000000000001000000:12B6', 7) +
      row('0000000000000000FFFF00000100007F:0001', 8);
    assert.deepEqual(parseUdpTable(table), [
      { ip: '127.0.0.1', port: 4789, inode: 4242 },
      { ip: '::', port: 53, inode: 0 },
      { ip: 'fd66::1', port: 4790, inode: 7 },
      { ip: '127.0.0.1', port: 1, inode: 8 },
    ]);
  });

  it('may be empty or missing', () => {
    assert.deepEqual(parseUdpTable(HEAD), []);
    assert.deepEqual(parseUdpTable(''), []);
  });
});
