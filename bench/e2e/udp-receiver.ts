/**
 * Counts the UDP datagrams that arrive at a port, until it is killed:
 *
 *   node udp-receiver.js PORT
 *
 * Prints `idle N` ten times a second while nothing arrives; N counts since the start.
 */
import { writeSync } from 'node:fs';
import { check } from '../../src/system/errno.js';
import { pointerTo } from '../../src/system/libc.js';
import { ppoll, recvmmsg } from '../../src/system/syscalls.js';
import { openUdp } from '../../src/system/udp.js';
import { BATCH, messages, timespec } from './udp-messages.js';

const IDLE_US = 100_000;
const PAYLOAD_MAX = 2048;
const POLLIN = 1;

// not 0.0.0.0 by chance: all of a host's tunnels end at one receiver
const { fd } = openUdp({ ip: '0.0.0.0', port: Number(process.argv[2]) });
const batch = messages(PAYLOAD_MAX, null);
const pollfd = Buffer.alloc(8);
pollfd.writeInt32LE(fd, 0);
pollfd.writeInt16LE(POLLIN, 4);
const pollfdAddress = pointerTo(pollfd);
const idle = timespec(IDLE_US);

let received = 0;
while (true) {
  const ready = check('ppoll', ppoll(pollfdAddress, 1, idle.address));
  if (ready === 0) writeSync(1, `idle ${received}\n`);
  else received += Math.max(0, recvmmsg(fd, batch.address, BATCH, 0));
}
