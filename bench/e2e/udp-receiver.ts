/**
 * Counts the UDP datagrams that arrive at a port, until it is killed:
 *
 *   node udp-receiver.js PORT
 *
 * Prints `idle N` twenty times a second while nothing arrives; N counts since the start. It looks at its socket a
 * thousand times a second, and the socket holds far more than comes meanwhile: a wake-up for each frame would cost the
 * machine more than some tunnels do.
 */
import { writeSync } from 'node:fs';
import { ppoll, recvmmsg } from '../../src/system/syscalls.js';
import { openUdp } from '../../src/system/udp.js';
import { BATCH, messages, timespec } from './udp-messages.js';

const TICK_US = 1000;
const IDLE_TICKS = 50;
const PAYLOAD_MAX = 2048;

const { fd } = openUdp({ ip: '0.0.0.0', port: Number(process.argv[2]) }); // of all tunnels
const batch = messages(PAYLOAD_MAX, null);
const tick = timespec(TICK_US);

let received = 0;
let idleTicks = 0;
while (true) {
  const count = recvmmsg(fd, batch.address, BATCH, 0);
  if (count > 0) {
    received += count;
    idleTicks = 0;
    continue;
  }
  idleTicks += 1;
  if (idleTicks % IDLE_TICKS === 0) writeSync(1, `idle ${received}\n`);
  ppoll(0, 0, tick.address);
}
