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
import { check } from '../../src/system/errno.js';
import { AF_INET, bind, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, setsockopt, socket } from '../../src/system/libc.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, recvmmsg } from '../../src/system/syscalls.js';
import { BATCH, messages, timespec } from './udp-messages.js';

const TICK_US = 1000;
const IDLE_TICKS = 50;
const PAYLOAD_MAX = 2048;

const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** Room for what comes in many ticks; the kernel doubles the number for its own bookkeeping. */
const BUFFER_BYTES = 8 << 20;

const fd = check('socket', socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
const room = Buffer.alloc(4);
room.writeInt32LE(BUFFER_BYTES);
check('SO_RCVBUFFORCE', setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, room, room.length));
const address = sockaddrOf({ ip: '0.0.0.0', port: Number(process.argv[2]) }); // of all tunnels
check('bind', bind(fd, address, address.length));
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
