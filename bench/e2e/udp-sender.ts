/**
 * Sends UDP at a steady rate, and prints as JSON how many datagrams it sent, for how long, and what processor time the
 * machine and the processes PID… spent meanwhile:
 *
 *   node udp-sender.js IP PORT PAYLOAD RATE SECONDS [PID…]
 *
 * It sleeps most of the time and four thousand times a second sends what is due, by sendmmsg, up to 64 datagrams a
 * call; each crosses the kernel by itself. iperf3 makes a system call per datagram and cannot pace beyond what it
 * reaches in a flood. What is overdue for more than 2 ms (we did not get the processor) is not made up for: a burst
 * would measure queues.
 */
import { parseIp } from '../../src/address.js';
import { check } from '../../src/system/errno.js';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, socket } from '../../src/system/libc.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, sendmmsg } from '../../src/system/syscalls.js';
import { cpuTime, since } from './cpu.js';
import { BATCH, messages, timespec } from './udp-messages.js';

const TICK_US = 250;
const OVERDUE_S = 0.002;

const [ip, ...numbers] = process.argv.slice(2);
const [port, payload, rate, seconds, ...pids] = numbers.map(Number) as [number, number, number, number, ...number[]];

const fd = check('socket', socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
const batch = messages(payload, sockaddrOf({ ip: parseIp(ip!)!, port }));
const tick = timespec(TICK_US);
const burst = Math.max(BATCH, Math.floor(rate * OVERDUE_S));

const before = cpuTime(pids);
const startMs = performance.now();
let sent = 0;
let forgiven = 0;
let elapsed = 0;
while (elapsed < seconds) {
  const due = Math.floor(elapsed * rate) - sent - forgiven;
  forgiven += Math.max(0, due - burst);
  if (due > 0) {
    const done = sendmmsg(fd, batch.address, Math.min(due, BATCH), 0);
    // A full queue below counts as sent: the frame was offered, and lost.
    sent += Math.max(1, done);
  }
  if (due <= BATCH) ppoll(0, 0, tick.address);
  elapsed = (performance.now() - startMs) / 1000;
}
const cpu = since(before, cpuTime(pids));
process.stdout.write(`${JSON.stringify({ sent, seconds: elapsed, cpu })}\n`);
