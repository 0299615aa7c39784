/** sd_notify(3) without systemd's library: what is said when, and what waits while the manager has no room. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Environment, ServiceManager } from '../../src/daemon/service-manager.js';
import {
  closeUnixDatagram,
  openUnixDatagram,
  sendUnixDatagram,
  unixAddressOf,
} from '../../src/system/unix-datagram.js';
import { NotifyReceiver } from '../support/notify-receiver.js';
import { RecordingLog } from './running.js';

const PERIOD_US = '30000000';

let directory: string;
let receiver: NotifyReceiver;
let log: RecordingLog;
let nowMs: number;
let open: ServiceManager[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-notify-'));
  receiver = new NotifyReceiver(join(directory, 'notify'));
  log = new RecordingLog();
  nowMs = 1000;
  open = [];
});
afterEach(async () => {
  for (const manager of open) await manager.end();
  receiver.close();
  rmSync(directory, { recursive: true });
});

function manager(environment: Environment = {}): ServiceManager {
  const made = new ServiceManager({ NOTIFY_SOCKET: receiver.name, ...environment }, log, () => nowMs);
  open.push(made);
  return made;
}

/** Fills the queue of the receiver, which has room for some hundred datagrams (net.unix.max_dgram_qlen). */
function crowd(): void {
  const fd = openUnixDatagram();
  const address = unixAddressOf(receiver.name) as Uint8Array;
  while (sendUnixDatagram(fd, address, Buffer.from('crowd')) === 0);
  closeUnixDatagram(fd);
}

test('ready, reloading with its time, ready again, stopping', () => {
  const subject = manager();
  subject.ready();
  nowMs = 1234.567;
  const reloaded = subject.reloading();
  reloaded();
  subject.stopping();
  assert.deepEqual(receiver.take(), ['READY=1', 'RELOADING=1\nMONOTONIC_USEC=1234567', 'READY=1', 'STOPPING=1']);
});

test('it is ready again when the last of several reloads is over, and a reload before it is ready is not told', () => {
  const subject = manager();
  subject.reloading()();
  assert.deepEqual(receiver.take(), []);
  subject.ready();
  const first = subject.reloading();
  const second = subject.reloading();
  receiver.take();
  first();
  assert.deepEqual(receiver.take(), []);
  second();
  assert.deepEqual(receiver.take(), ['READY=1']);
});

test('what ends is not ready any more', () => {
  const subject = manager();
  subject.stopping();
  subject.ready();
  assert.deepEqual(receiver.take(), ['STOPPING=1', 'STOPPING=1']);
});

test('the watchdog is told twice in its period, if it watches this process', () => {
  const beats = (environment: Environment) => {
    const subject = manager(environment);
    for (let nth = 0; nth < 300; nth++, nowMs += 100) subject.tick(() => '');
    return receiver.take();
  };
  assert.deepEqual(beats({ WATCHDOG_USEC: PERIOD_US }), ['WATCHDOG=1', 'WATCHDOG=1']);
  assert.deepEqual(beats({ WATCHDOG_USEC: PERIOD_US, WATCHDOG_PID: String(process.pid) }).length, 2);
  assert.deepEqual(beats({ WATCHDOG_USEC: PERIOD_US, WATCHDOG_PID: '1' }), []);
  for (const WATCHDOG_USEC of ['0', '-1', 'soon', '']) assert.deepEqual(beats({ WATCHDOG_USEC }), []);
  assert.deepEqual(beats({}), []);
});

test('the status is told when it is another, and not more often than once a second', () => {
  const subject = manager();
  for (const status of ['one', 'two', 'two']) subject.tick(() => status);
  nowMs += 1000;
  subject.tick(() => 'two');
  nowMs += 1000;
  subject.tick(() => 'two');
  assert.deepEqual(receiver.take(), ['STATUS=one', 'STATUS=two']);
});

test('a full queue blocks nobody; the latest of each kind comes when there is room', () => {
  const subject = manager({ WATCHDOG_USEC: PERIOD_US });
  crowd();
  subject.ready();
  for (let nth = 0; nth < 1000; nth++) {
    nowMs += 1000;
    subject.reloading()();
    subject.tick(() => `status ${nth}`);
  }
  receiver.take();
  subject.tick(() => 'status 999');
  assert.deepEqual(new Set(receiver.take()), new Set(['READY=1', 'WATCHDOG=1', 'STATUS=status 999']));
  subject.tick(() => 'status 999');
  assert.deepEqual(receiver.take(), []);
  assert.deepEqual(log.lines, []);
});

test('who the service is now is said in the end, when the manager has room for it', async () => {
  const subject = manager();
  crowd();
  subject.succeededBy(4321);
  const ended = subject.end();
  receiver.take();
  await ended;
  assert.deepEqual(receiver.take(), ['MAINPID=4321']);
});

test('a manager that never has room is not waited for without end', async () => {
  const subject = manager();
  crowd();
  subject.succeededBy(4321);
  await subject.end();
  assert.ok(!receiver.take().includes('MAINPID=4321'));
});

test('a name that begins with @ is an abstract one', () => {
  const abstract = new NotifyReceiver(`@vxlane-test-${process.pid}`);
  try {
    manager({ NOTIFY_SOCKET: abstract.name }).ready();
    assert.deepEqual(abstract.take(), ['READY=1']);
  } finally {
    abstract.close();
  }
});

test('a manager that is gone is said once, and told again when it is back', () => {
  const name = join(directory, 'later');
  const subject = manager({ NOTIFY_SOCKET: name });
  for (let nth = 0; nth < 5; nth++, nowMs += 1000) subject.tick(() => `status ${nth}`);
  assert.deepEqual(log.fields, [{ message: 'cannot tell the service manager', fields: { reason: 'ENOENT' } }]);
  const later = new NotifyReceiver(name);
  try {
    subject.tick(() => 'back');
    assert.deepEqual(later.take(), ['STATUS=back']);
  } finally {
    later.close();
  }
});

test('an address that is none is said, and no more', () => {
  for (const name of ['vsock:2:1234', 'notify', '/', '@', `/${'x'.repeat(107)}`, `@${'x'.repeat(108)}`]) {
    log = new RecordingLog();
    manager({ NOTIFY_SOCKET: name }).ready();
    const reason = `NOTIFY_SOCKET is neither /path nor @name: ${name}`;
    assert.deepEqual(log.fields, [{ message: 'cannot tell the service manager', fields: { reason } }]);
  }
});

test('without NOTIFY_SOCKET nothing is asked for a status', () => {
  manager({ NOTIFY_SOCKET: '' }).tick(() => assert.fail('asked'));
});
