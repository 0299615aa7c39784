/**
 * Sends frames to many MACs in turn from an interface (a packet socket), as a scan does, and prints as JSON how many
 * and for how long:
 *
 *   node scan-frames.js DEVICE FIRST MACS FRAMES RATE
 *
 * The MACs are 02:5c:00:00:00:00 plus FIRST and the numbers after it, MACS of them, again and again; RATE is frames a
 * second. What the queue of a TAP has no room for, the kernel drops and counts there.
 */
import { constants } from 'node:os';
import { check, systemError } from '../../src/system/errno.js';
import { interfaceIndex, interfaceMac, withControlSocket } from '../../src/system/interface.js';
import { bind, SOCK_CLOEXEC, socket } from '../../src/system/libc.js';
import { ppoll, sendmmsg } from '../../src/system/syscalls.js';
import { BATCH, eachMessage, timespec } from './udp-messages.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const FRAME_SIZE = 60;
const ETHERTYPE = 0x88b5; // IEEE 802: local experiments
const PREFIX = 0x025c;
const TICK_US = 500;

const [device, ...numbers] = process.argv.slice(2) as [string, ...string[]];
const [first, macs, count, rate] = numbers.map(Number) as [number, number, number, number];

function packetSocket(name: string): number {
  const fd = check('packet socket', socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const address = Buffer.alloc(20); // struct sockaddr_ll: u16 family, u16 protocol (0: none), i32 index
  address.writeUInt16LE(AF_PACKET);
  address.writeInt32LE(
    withControlSocket((control) => interfaceIndex(control, name)),
    4,
  );
  check(`bind to ${name}`, bind(fd, address, address.length));
  return fd;
}

const fd = packetSocket(device);
const source = withControlSocket((control) => interfaceMac(control, device));
const batch = eachMessage(FRAME_SIZE);
for (const frame of batch.payloads) {
  frame.writeUInt16BE(PREFIX);
  frame.set(Buffer.from(source.replaceAll(':', ''), 'hex'), 6);
  frame.writeUInt16BE(ETHERTYPE, 12);
}

const tick = timespec(TICK_US);
const startMs = performance.now();
let sent = 0;
while (sent < count) {
  const due = Math.floor(Math.min(count, ((performance.now() - startMs) / 1000) * rate)) - sent;
  const frames = batch.payloads.slice(0, due);
  for (const [index, frame] of frames.entries()) frame.writeUInt32BE(first + ((sent + index) % macs), 2);
  const done = frames.length === 0 ? 0 : sendmmsg(fd, batch.address, frames.length, 0);
  if (done < 0 && done !== -constants.errno.ENOBUFS) throw systemError(`send to ${device}`, -done);
  sent += Math.max(0, done);
  if (due < BATCH || done < 0) ppoll(0, 0, tick.address);
}
const seconds = (performance.now() - startMs) / 1000;
process.stdout.write(`${JSON.stringify({ sent, seconds })}\n`);
