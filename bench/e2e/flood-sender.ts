/**
 * Sends one datagram again and again at a rate, as far as the machine goes, and prints how many a second it sent:
 *
 *   node flood-sender.js IP PORT HEX RATE SECONDS
 */
import { ipFamily, parseIp } from '../../src/address.js';
import { check } from '../../src/system/errno.js';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, socket } from '../../src/system/libc.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, sendmmsg } from '../../src/system/syscalls.js';
import { BATCH, messages, timespec } from './udp-messages.js';

const [text, port, hex, ...numbers] = process.argv.slice(2) as [string, string, string, ...string[]];
const [rate, seconds] = numbers.map(Number) as [number, number];
const ip = parseIp(text)!;
const datagram = Buffer.from(hex, 'hex');
const fd = check('socket', socket(ipFamily(ip) === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
const batch = messages(datagram.length, sockaddrOf({ ip, port: Number(port) }));
batch.memory.set(datagram, batch.memory.length - datagram.length);
const tick = timespec(100);

const startMs = performance.now();
let sent = 0;
for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - startMs) / 1000) {
  if (sent < elapsed * rate) sent += Math.max(0, sendmmsg(fd, batch.address, BATCH, 0));
  else ppoll(0, 0, tick.address);
}
process.stdout.write(`${Math.round(sent / seconds)}\n`);
