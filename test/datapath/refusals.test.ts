// System calls that fail again and again: counted, told once, not asked for at every turn, and tried until they work.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, test } from 'node:test';
import {
  C_IO_REFUSED,
  Inject,
  W_COUNTERS,
  W_ENTER_ARG,
  W_HOLD_TIMEOUT,
  W_TURN,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import type { WorkerNotice } from '../../src/datapath/worker.js';
import { Workers } from '../../src/datapath/workers.js';
import { openEventfd, signalEventfd } from '../../src/system/eventfd.js';
import { closeFd } from '../../src/system/syscalls.js';
import { openUnderlay, type Underlay } from '../../src/system/udp.js';
import { Core, OVERLAY } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { datagram, frame } from '../support/frames.js';
import { PLAIN_UDP } from '../support/udp.js';
import '../support/each-engine.js';
import { until } from '../support/until.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const PORT = 14795;
const FEW_TURNS = 50;
const { EFAULT, EINVAL, ENOTSOCK } = constants.errno;
const module = new WebAssembly.Module(readFileSync(new URL('../../../build/release.wasm', import.meta.url)));
const underlay = openUnderlay({ listen: { ip: '127.0.0.1', port: 0 }, ...PLAIN_UDP });
after(() => underlay.close());

function setUp() {
  const core = new Core('release', 64, underlay.listeners[0]!);
  const overlay = core.overlay();
  const vnic = core.tables.addVnic({ overlay, fds: [], mac: A, allowAnyMac: false });
  const notices: WorkerNotice[] = [];
  const restarts: string[] = [];
  const start = { memory: core.memory, module, busyPollUs: 0, engine: ENGINE };
  const workers = new Workers(1, core.views, start, {
    onRestart: (_, reason) => restarts.push(reason),
    onStuck: () => assert.fail(),
    onNotice: (_, notice) => notices.push(notice),
  });
  const word = (offset: number): number => Atomics.load(core.views.u32, (WORKERS_BASE + offset) >> 2);
  const refused = (): number => word(W_COUNTERS + C_IO_REFUSED);
  return { core, overlay, vnic, notices, restarts, workers, refused, turn: () => word(W_TURN) };
}

test('a socket that cannot be read neither takes a processor nor goes unsaid, and is read once it can be', async () => {
  const { core, notices, workers, refused, turn } = setUp();
  const fd = openEventfd();
  signalEventfd(fd); // ready to be read, as poll sees it, but no socket
  core.tables.addSocket({ listeners: [fd], receivesFor: OVERLAY.socket, sources: [] });
  const peer = createSocket('udp4');
  const opened: Underlay[] = [];
  try {
    await until(() => refused() > 10);
    const [turns, refusals] = [turn(), refused()];
    await until(() => refused() > refusals + 3);
    assert.ok(turn() - turns < FEW_TURNS, `${turn() - turns} turns`);
    const call = ENGINE === 'mmsg' ? 'recvmmsg' : 'recvmsg';
    assert.deepEqual(notices, [{ kind: 'io-refused', refusal: { call, index: 2, errno: ENOTSOCK } }]);
    assert.equal(core.counters.totals().ioRefused, refused());

    closeFd(fd);
    while (opened.at(-1)?.listeners[0] !== fd) {
      opened.push(openUnderlay({ listen: { ip: '127.0.0.1', port: PORT + opened.length }, ...PLAIN_UDP }));
    }
    peer.send(datagram(OVERLAY.vni, frame(A, FAR)), PORT + opened.length - 1, '127.0.0.1');
    await until(() => core.counters.totals().decapIn === 1);
  } finally {
    await workers.stop();
    peer.close();
    for (const one of opened) one.close();
  }
});

/** The system call that waits while frames are held fails, until it is mended. */
function breakWait({ views }: Core): { errno: number; mend: () => void } {
  const [at, wrong, errno] =
    ENGINE === 'mmsg'
      ? [WORKERS_BASE + W_HOLD_TIMEOUT + 8, 2_000_000_000n, EINVAL] // more nanoseconds than a second has
      : [WORKERS_BASE + W_ENTER_ARG + 16, 1n, EFAULT]; // the address of the timespec
  const right = views.u64[at >> 3]!;
  views.u64[at >> 3] = wrong;
  return {
    errno,
    mend: () => {
      views.u64[at >> 3] = right;
    },
  };
}

test('a call that cannot wait is said once, and the worker goes on as soon as it can', async () => {
  const { core, overlay, vnic, notices, restarts, workers, refused } = setUp();
  try {
    await workers.quiesce();
    const { errno, mend } = breakWait(core);
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => refused() >= 3);
    mend();
    core.remote(overlay, FAR, { ip: '127.0.0.1', port: 9 });
    workers.wakeHolding();
    await until(() => core.counters.totals().encapOut === 1);
    const call = ENGINE === 'mmsg' ? 'ppoll' : 'io_uring_enter';
    assert.deepEqual(notices, [{ kind: 'io-refused', refusal: { call, index: 0, errno } }]);
    assert.deepEqual(restarts, []);
  } finally {
    await workers.stop();
  }
});

test('a ring that refuses again and again is replaced', { skip: ENGINE !== 'uring' && 'another engine' }, async () => {
  const { core, overlay, vnic, restarts, workers } = setUp();
  try {
    await workers.quiesce();
    breakWait(core);
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => restarts.length === 1);
    assert.match(restarts[0]!, /io_uring_enter.*EFAULT/);
    core.remote(overlay, FAR, { ip: '127.0.0.1', port: 9 });
    core.rings.inject(Inject.encap, overlay, vnic, frame(FAR, A));
    workers.wake();
    await until(() => core.counters.totals().encapOut === 1);
    assert.deepEqual(core.counters.drops(), { worker_restarted: 1 });
  } finally {
    await workers.stop();
  }
});
