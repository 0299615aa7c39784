import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { check, errnoName, systemError } from '../../src/system/errno.js';
import { cString, ifreq, isInterfaceName } from '../../src/system/interface.js';
import { close } from '../../src/system/libc.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import {
  addressOf,
  clockMonotonic,
  closeFd,
  ppoll,
  readv,
  recvmmsg,
  sendmmsg,
  writev,
} from '../../src/system/syscalls.js';
import { Shared } from './shared.js';

const { EBADF, EFAULT, ENOTSOCK } = constants.errno;

describe('raw system calls', () => {
  it('answer -errno and never throw', () => {
    const shared = new Shared();
    const iovec = shared.at(shared.iovec(shared.take(8), 8));
    const headers = shared.at(shared.mmsghdrs([{ name: 0, nameLen: 0, iovec: 0 }]));
    assert.equal(readv(-1, iovec, 1), -EBADF);
    assert.equal(writev(-1, iovec, 1), -EBADF);
    assert.equal(recvmmsg(-1, headers, 1, 0), -EBADF);
    assert.equal(sendmmsg(-1, headers, 1, 0), -EBADF);
    assert.equal(ppoll(8, 1, 0), -EFAULT);
    assert.equal(closeFd(-1), -EBADF);
    const file = openSync('/dev/null', 'r');
    assert.equal(recvmmsg(file, headers, 1, 0), -ENOTSOCK);
    assert.equal(closeFd(file), 0);
    assert.equal(closeFd(file), -EBADF);
  });

  it('read and write through iovecs in shared memory', () => {
    const shared = new Shared();
    const slot = shared.put(Buffer.alloc(8, 0xff));
    const zero = openSync('/dev/zero', 'r');
    assert.equal(readv(zero, shared.at(shared.iovec(slot + 2, 4)), 1), 4);
    assert.equal(shared.copy(slot, 8).toString('hex'), 'ffff00000000ffff');
    closeFd(zero);
  });

  it('know the monotonic clock', () => {
    const shared = new Shared();
    const timespec = shared.take(16);
    const before = process.hrtime.bigint();
    assert.equal(clockMonotonic(shared.at(timespec)), 0);
    const after = process.hrtime.bigint();
    const now = shared.view.getBigInt64(timespec, true) * 1_000_000_000n + shared.view.getBigInt64(timespec + 8, true);
    assert.ok(before <= now && now <= after, `${before} <= ${now} <= ${after}`);
  });

  it('know addresses exactly: a view further on is that much further on', () => {
    const shared = new Shared();
    assert.ok(Number.isSafeInteger(shared.base) && shared.base > 0);
    assert.equal(addressOf(new Uint8Array(shared.memory.buffer, 4097)), shared.base + 4097);
  });
});

describe('errno', () => {
  it('has a name and a text', () => {
    assert.equal(errnoName(constants.errno.EAGAIN), 'EAGAIN');
    assert.equal(errnoName(77), 'EBADFD');
    assert.equal(errnoName(4095), 'errno 4095');
    assert.equal(systemError('open x', constants.errno.ENOENT).message, 'open x: No such file or directory (ENOENT)');
  });

  it('is read where the call failed', () => {
    assert.equal(check('fine', 7), 7);
    assert.throws(() => check('close it', close(-1)), { errno: EBADF, message: /^close it: .*\(EBADF\)$/ });
  });
});

describe('kernel structures', () => {
  it('hold an IPv4 endpoint as sockaddr_in', () => {
    assert.equal(
      Buffer.from(sockaddrOf({ ip: '10.88.88.2', port: 4789 })).toString('hex'),
      '020012b50a5858020000000000000000',
    );
  });

  it('hold an IPv6 endpoint as sockaddr_in6', () => {
    assert.equal(
      Buffer.from(sockaddrOf({ ip: 'fd00::88:2', port: 65535 })).toString('hex'),
      `0a00ffff00000000${'fd000000000000000000000000880002'}00000000`,
    );
  });

  it('hold an interface name of at most 15 bytes, NUL-padded', () => {
    const request = ifreq('fifteen-bytes-x');
    assert.equal(request.length, 40);
    assert.equal(cString(request, 0, 16), 'fifteen-bytes-x');
    assert.equal(cString(ifreq('foo0'), 0, 16), 'foo0');
    assert.equal(cString(Buffer.from('no end'), 0, 4), 'no e');
    assert.ok(isInterfaceName('fifteen-bytes-x') && !isInterfaceName('sixteen-bytes-xx'));
  });
});
