/**
 * A program that tests run inside namespaces: sends one frame again and again at a rate, with other bytes each time.
 * Its one argument is a {@link FrameFlood}, as JSON; it prints a line when it begins.
 */
import { constants } from 'node:os';
import { BATCH, eachMessage, timespec } from '../../bench/e2e/udp-messages.js';
import { check, systemError } from '../../src/system/errno.js';
import { interfaceIndex, withControlSocket } from '../../src/system/interface.js';
import { AF_INET, bind, SOCK_CLOEXEC, SOCK_DGRAM, socket } from '../../src/system/libc.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, sendmmsg } from '../../src/system/syscalls.js';

export interface FrameFlood {
  /** An interface for frames, or an IPv4 endpoint for datagrams. */
  readonly to: string | { readonly ip: string; readonly port: number };
  /** Hexadecimal digits. */
  readonly frame: string;
  /** Bytes; the rest are zeroes. */
  readonly size: number;
  /** Where a u32 counts, modulo `values`; null: all are the same. */
  readonly counter: { readonly at: number; readonly values: number } | null;
  /** A second. */
  readonly rate: number;
  /** It ends after so many, all of which the kernel has taken; null: when it is ended. */
  readonly count: number | null;
}

const AF_PACKET = 17;
const SOCK_RAW = 3;
const TICK_US = 500;

function socketTo({ to }: FrameFlood): { fd: number; address: Uint8Array | null } {
  if (typeof to !== 'string') {
    const fd = check('socket', socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return { fd, address: sockaddrOf(to) };
  }
  const fd = check('packet socket', socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const address = Buffer.alloc(20); // struct sockaddr_ll: u16 family, u16 protocol (0: none), i32 index
  address.writeUInt16LE(AF_PACKET);
  const index = withControlSocket((control) => interfaceIndex(control, to));
  address.writeInt32LE(index, 4);
  check(`bind to ${to}`, bind(fd, address, address.length));
  return { fd, address: null };
}

const flood = JSON.parse(process.argv[2] as string) as FrameFlood;
const { frame, size, counter, rate } = flood;
const count = flood.count ?? Number.POSITIVE_INFINITY;
const { fd, address } = socketTo(flood);
const batch = eachMessage(size, address);
for (const payload of batch.payloads) payload.set(Buffer.from(frame, 'hex'));
const tick = timespec(TICK_US);
process.stdout.write('begins\n');

/** How many are done with. What a full queue has no room for is gone, as on a wire. */
function send(due: number): number {
  const done = sendmmsg(fd, batch.address, due, 0);
  if (done >= 0) return done;
  if (done !== -constants.errno.ENOBUFS || flood.count !== null) throw systemError('send', -done);
  return 1;
}

const startMs = performance.now();
for (let sent = 0; sent < count; ) {
  const due = Math.min(BATCH, count - sent, Math.floor(((performance.now() - startMs) / 1000) * rate) - sent);
  for (const [n, payload] of batch.payloads.slice(0, Math.max(0, due)).entries()) {
    if (counter !== null) payload.writeUInt32BE((sent + n) % counter.values, counter.at);
  }
  if (due > 0) sent += send(due);
  if (due < BATCH) ppoll(0, 0, tick.address);
}
