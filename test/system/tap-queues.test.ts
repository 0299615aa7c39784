import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, describe, it } from 'node:test';
import { ppoll, readv } from '../../src/system/syscalls.js';
import { openTap, type TapOptions } from '../../src/system/tap.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { isCloseOnExec, leavesNoDescriptor } from './descriptors.js';
import { POLLIN, Shared } from './shared.js';

const MAC = 'de:ad:be:ef:00:01';

describe('the queues of a TAP', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const options = (changes: Partial<TapOptions> = {}): TapOptions => ({
    name: uniqueName('v'),
    mac: MAC,
    mtu: 1400,
    netns: netns.name,
    persist: true,
    queues: 1,
    offload: 'auto',
    ...changes,
  });
  // biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 prints
  const shown = (name: string): any => netns.json('-d', 'link', 'show', name)[0];
  const info = (name: string) => shown(name).linkinfo.info_data;

  it('are as many as asked for, each with a descriptor that is non-blocking and closed by exec', () => {
    leavesNoDescriptor(() => {
      const tap = openTap(options({ queues: 3 }));
      assert.equal(tap.fds.length, 3);
      assert.equal(tap.fd, tap.fds[0]);
      assert.equal(info(tap.name).numqueues, 3);
      assert.deepEqual([info(tap.name).vnet_hdr, info(tap.name).multi_queue], [true, true]);
      for (const fd of tap.fds) {
        const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
        assert.match(text, new RegExp(`^iff:\t${tap.name}$`, 'm'));
        assert.ok(isCloseOnExec(text), text);
        assert.ok(Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(text)?.[1] ?? '0', 8) & 0o4000, text);
      }
      tap.remove();
      assert.equal(netns.link(tap.name), undefined);
    });
  });

  it('have no queueing disciplines before them, of which the kernel would make 256', () => {
    const wanted = options({ queues: 2 });
    openTap(wanted).close();
    const disciplines = () => netns.exec('tc', 'qdisc', 'show', 'dev', wanted.name).trim();
    assert.match(disciplines(), /^qdisc noqueue \S+ root [^\n]*$/);
    for (const state of ['down', 'up']) netns.exec('ip', 'link', 'set', wanted.name, state);
    assert.match(disciplines(), /^qdisc noqueue \S+ root [^\n]*$/);
    openTap(wanted).remove();
  });

  it('keep the queueing discipline that a user has set, also of an interface that a user has made', () => {
    const wanted = options({ queues: 2 });
    openTap(wanted).close();
    const made = options({ queues: 2 });
    netns.exec('ip', 'tuntap', 'add', made.name, 'mode', 'tap', 'multi_queue');
    for (const each of [wanted, made]) {
      netns.exec('tc', 'qdisc', 'replace', 'dev', each.name, 'root', 'pfifo', 'limit', '77');
      const tap = openTap(each);
      assert.match(netns.exec('tc', 'qdisc', 'show', 'dev', each.name), /^qdisc pfifo \S+ root [^\n]*limit 77p\n$/);
      tap.remove();
    }
  });

  it('may be more or fewer after a restart: the interface stays the same', () => {
    const wanted = options({ queues: 2 });
    openTap(wanted).close();
    netns.exec('ip', 'address', 'add', '10.1.2.3/24', 'dev', wanted.name);
    const { ifindex } = shown(wanted.name);
    for (const queues of [4, 1, 3]) {
      const tap = openTap({ ...wanted, queues });
      assert.equal(tap.fds.length, queues);
      assert.equal(info(wanted.name).numqueues, queues);
      assert.equal(shown(wanted.name).ifindex, ifindex);
      assert.match(netns.exec('ip', 'address', 'show', wanted.name), /10\.1\.2\.3/);
      tap.close();
    }
    openTap(wanted).remove();
  });

  it('go with the interface when it is not persistent', () => {
    const tap = openTap(options({ queues: 3, persist: false }));
    tap.close();
    assert.equal(netns.link(tap.name), undefined);
  });

  it('of a multi-queue TAP that somebody made beforehand are ours', () => {
    const name = uniqueName('v');
    netns.exec('ip', 'tuntap', 'add', name, 'mode', 'tap', 'multi_queue');
    const tap = openTap(options({ name, queues: 2 }));
    assert.equal(info(name).numqueues, 2);
    tap.remove();
  });

  it('are one of a TAP that somebody made without multi_queue, with headers all the same', () => {
    const name = uniqueName('v');
    netns.exec('ip', 'tuntap', 'add', name, 'mode', 'tap');
    for (const queues of [1, 3]) {
      const tap = openTap(options({ name, queues }));
      assert.equal(tap.fds.length, 1);
      assert.deepEqual([info(name).vnet_hdr, info(name).multi_queue], [true, false]);
      tap.close();
    }
    openTap(options({ name })).remove();
    assert.equal(netns.link(name), undefined);
  });

  it('share the frames: each comes by one of them', () => {
    const tap = openTap(options({ queues: 2, persist: false }));
    netns.exec('sysctl', '-qw', `net.ipv6.conf.${tap.name}.disable_ipv6=1`);
    netns.exec('ip', 'address', 'add', '10.4.0.1/24', 'dev', tap.name);
    netns.exec('ip', 'neighbour', 'add', '10.4.0.2', 'lladdr', 'de:ad:be:ef:00:02', 'dev', tap.name);
    const shared = new Shared();
    const slot = shared.take(2048);
    const iovec = shared.at(shared.iovec(slot, 2048));
    for (const fd of tap.fds) while (readv(fd, iovec, 1) > 0); // what came with the interface
    const FLOWS = 64;
    const sender = `const { createSocket } = require('node:dgram');
      for (let port = 1000; port < ${1000 + FLOWS}; port++) {
        const socket = createSocket('udp4');
        socket.send('x', port, '10.4.0.2', () => socket.close());
      }`;
    netns.exec(process.execPath, '-e', sender);
    const pollfd = shared.at(shared.pollfd(tap.fds[0]!, POLLIN));
    assert.equal(ppoll(pollfd, 1, shared.at(shared.timespec(5000))), 1);
    const counts = tap.fds.map((fd) => {
      let count = 0;
      let answer = readv(fd, iovec, 1);
      for (; answer > 0; answer = readv(fd, iovec, 1)) count++;
      assert.equal(answer, -constants.errno.EAGAIN);
      return count;
    });
    assert.equal(counts[0]! + counts[1]!, FLOWS);
    assert.ok(counts[0]! > 0 && counts[1]! > 0, `${counts}`);
    tap.close();
  });
});
