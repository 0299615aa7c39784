/**
 * Sends some datagrams again and again at a rate, as far as the machine goes. Prints a line when it begins, and in the
 * end how many a second it sent:
 *
 *   node flood-sender.js IP PORT TRAIN RATE SECONDS HEX...
 *
 * The HEX are datagrams of one length. TRAIN is how many cross the kernel together, as a network card joins those of
 * one flow (UDP_SEGMENT): one system call makes 64 such trains at most, and a machine reaches rates by trains that it
 * does not reach datagram by datagram. What the kernel refuses ends it: a train of more than 128, or of 64 KiB.
 */
import { constants } from 'node:os';
import { ipFamily, parseIp } from '../../src/address.js';
import { check, systemError } from '../../src/system/errno.js';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, setsockopt, socket } from '../../src/system/libc.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, sendmmsg } from '../../src/system/syscalls.js';
import { BATCH, eachMessage, timespec } from './udp-messages.js';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const TICK_US = 100;

const [text, port, ...more] = process.argv.slice(2) as [string, string, ...string[]];
const [train, rate, seconds] = more.splice(0, 3).map(Number) as [number, number, number];
const datagrams = more.map((hex) => Buffer.from(hex, 'hex'));
const ip = parseIp(text)!;
const fd = check('socket', socket(ipFamily(ip) === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
const size = datagrams[0]!.length;
if (train > 1) {
  const segment = Buffer.alloc(4);
  segment.writeInt32LE(size);
  check('UDP_SEGMENT', setsockopt(fd, SOL_UDP, UDP_SEGMENT, segment, segment.length));
}
const batch = eachMessage(size * train, sockaddrOf({ ip, port: Number(port) }));
for (const [message, payload] of batch.payloads.entries()) {
  for (let n = 0; n < train; n++) payload.set(datagrams[(message * train + n) % datagrams.length]!, n * size);
}
const tick = timespec(TICK_US);

/** How many datagrams of so many trains: none where a queue was full. */
function send(trains: number): number {
  const done = sendmmsg(fd, batch.address, trains, 0);
  if (done < 0 && done !== -constants.errno.ENOBUFS) throw systemError(`send trains of ${train}`, -done);
  return Math.max(0, done) * train;
}

process.stdout.write('begins\n');
const startMs = performance.now();
let sent = 0;
for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - startMs) / 1000) {
  const due = Math.min(BATCH, Math.ceil((elapsed * rate - sent) / train));
  if (due > 0) sent += send(due);
  else ppoll(0, 0, tick.address);
}
process.stdout.write(`${Math.round(sent / seconds)}\n`);
