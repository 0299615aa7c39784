import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { clearEventfd, openEventfd, signalEventfd } from '../../src/system/eventfd.js';
import { closeFd, ppoll } from '../../src/system/syscalls.js';
import { isCloseOnExec, leavesNoDescriptor } from './descriptors.js';
import { POLLIN, Shared } from './shared.js';

const SYSCALLS = new URL('../../src/system/syscalls.js', import.meta.url).href;
const GIVE_UP_MS = 10_000;

/** True while the thread sleeps in the kernel. */
const sleeps = (thread: string) => /\) S /.test(readFileSync(`/proc/${thread}/stat`, 'utf8'));

describe('an eventfd', () => {
  const readable = (fd: number) => {
    const shared = new Shared();
    return ppoll(shared.at(shared.pollfd(fd, POLLIN)), 1, shared.at(shared.timespec(0))) === 1;
  };

  it('is readable from signal to clear; both may be repeated', () => {
    leavesNoDescriptor(() => {
      const fd = openEventfd();
      assert.equal(readable(fd), false);
      clearEventfd(fd);
      signalEventfd(fd);
      signalEventfd(fd);
      assert.equal(readable(fd), true);
      assert.equal(readable(fd), true, 'polling takes nothing away');
      clearEventfd(fd);
      assert.equal(readable(fd), false);
      assert.ok(isCloseOnExec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')));
      closeFd(fd);
    });
  });

  it('tells of a descriptor that is none', () => {
    assert.throws(() => signalEventfd(-1), { code: 'system_call_failed', errnoName: 'EBADF' });
    assert.throws(() => clearEventfd(-1), { message: 'clear eventfd -1: Bad file descriptor (EBADF)' });
  });

  it('wakes a thread that blocks in ppoll', async () => {
    const fd = openEventfd();
    const shared = new Shared();
    const pollfd = shared.pollfd(fd, POLLIN);
    const worker = new Worker(
      `const { parentPort, workerData: { at, timeout } } = require('node:worker_threads');
       const { readlinkSync } = require('node:fs');
       import(${JSON.stringify(SYSCALLS)}).then(({ ppoll }) => {
         parentPort.postMessage({ thread: readlinkSync('/proc/thread-self') });
         parentPort.postMessage({ answer: ppoll(at, 1, timeout) });
       });`,
      { eval: true, workerData: { at: shared.at(pollfd), timeout: shared.at(shared.timespec(GIVE_UP_MS)) } },
    );
    const answer = await new Promise((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', async (message: { thread?: string; answer?: number }) => {
        if (message.answer !== undefined) resolve(message.answer);
        if (message.thread === undefined) return;
        while (!sleeps(message.thread)) await new Promise(setImmediate);
        signalEventfd(fd);
      });
    });
    assert.equal(answer, 1);
    assert.equal(shared.revents(pollfd), POLLIN);
    await worker.terminate();
    closeFd(fd);
  });
});
