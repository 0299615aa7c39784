// What a worker has prepared to be sent, read where sendmmsg and writev would have found it.

import assert from 'node:assert/strict';
import {
  CMSG_SPACE,
  CONTROL_SIZE,
  DELIVER_FIRST,
  DELIVER_OUT,
  DELIVER_SIZE,
  DELIVER_VECTORS,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  MSG_CONTROLLEN,
  MSG_IOV,
  MSG_IOVLEN,
  OUT_ENDPOINT,
  OUT_SIZE,
  OUT_VNIC,
  SEGMENTS_MAX,
  TX_FD,
  TX_OUT,
  TX_SIZE,
  UDP_PAYLOAD_MAX,
  VNET_SIZE,
  W_DELIVER,
  W_DELIVER_COUNT,
  W_OUT,
  W_TX,
  W_TX_CONTROL,
  W_TX_COUNT,
  W_TX_MMSG,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { formatEndpoint } from '../../src/address.js';
import type { Endpoints } from '../../src/datapath/endpoints.js';
import type { Views } from '../../src/datapath/memory.js';

/** Something the datapath wants sent: a datagram, cut out of its message as the kernel would, or a write to a TAP. */
export type Output = SentDatagram | { readonly vnic: number; readonly frame: Buffer; readonly vnet?: Buffer };

export interface SentDatagram {
  readonly to: string;
  readonly datagram: Buffer;
  readonly tos?: number;
  readonly ttl?: number;
  /** It leaves by a socket for what may be fragmented. */
  readonly fragmentable?: true;
  /** Which of SOURCES it leaves by. */
  readonly source?: number;
}

/** Descriptors of sockets for what may be fragmented, with checksums and without. */
export const FRAGMENTABLE = { withChecksum: 91, withoutChecksum: 92 };
/** Those of a socket with several source ports. */
export const SOURCES = [61, 63, 65, 67].map((fd) => ({ withChecksum: fd, withoutChecksum: fd + 1 }));

/** With its place in the output list. */
export interface Placed {
  readonly entry: number;
  readonly output: Output;
}

const NO_VNET = Buffer.alloc(VNET_SIZE);
const CMSG_DATA = 16;

const read = ({ u32 }: Views, offset: number): number => u32[(WORKERS_BASE + offset) >> 2]!;

/** Its number in the output list. */
const entryAt = (out: number): number => (out - WORKERS_BASE - W_OUT) / OUT_SIZE;

/** The bytes of `count` iovecs. */
function gather({ u8, u64, address }: Views, vectors: number, count: number): Buffer {
  const parts = Array.from({ length: count }, (_, index) => {
    const word = (vectors + index * IOVEC_SIZE) >> 3;
    const start = Number(u64[word]!) - address;
    return u8.slice(start, start + Number(u64[word + 1]!));
  });
  return Buffer.concat(parts);
}

const OPTIONS: Readonly<Record<string, 'segment' | 'tos' | 'ttl'>> = {
  '17 103': 'segment',
  '0 1': 'tos',
  '0 2': 'ttl',
  '41 67': 'tos',
  '41 52': 'ttl',
};

/** What the control data of a message says. */
function optionsOf(views: Views, index: number): { segment?: number; tos?: number; ttl?: number } {
  const start = W_TX_CONTROL + index * CONTROL_SIZE;
  const length = Number(views.u64[(WORKERS_BASE + W_TX_MMSG + index * MMSGHDR_SIZE + MSG_CONTROLLEN) >> 3]!);
  assert.ok(length <= CONTROL_SIZE);
  const options: { segment?: number; tos?: number; ttl?: number } = {};
  for (let at = start; at < start + length; at += CMSG_SPACE) {
    const name = OPTIONS[`${read(views, at + 8)} ${read(views, at + 12)}`];
    assert.ok(name !== undefined);
    options[name] = read(views, at + CMSG_DATA);
  }
  return options;
}

function isFragmentable(fd: number, areSeveral: boolean): { fragmentable?: true } {
  if (fd !== FRAGMENTABLE.withChecksum && fd !== FRAGMENTABLE.withoutChecksum) return {};
  assert.equal(fd === FRAGMENTABLE.withChecksum, areSeveral);
  return { fragmentable: true };
}

function sourceOf(fd: number, areSeveral: boolean): { source?: number } {
  const source = SOURCES.findIndex((port) => fd === (areSeveral ? port.withChecksum : port.withoutChecksum));
  return source < 0 ? {} : { source };
}

/** One list a message; each must be one that the kernel takes. */
export function messagesOf(views: Views, endpoints: Endpoints): Placed[][] {
  return Array.from({ length: read(views, W_TX_COUNT) }, (_, index) => {
    const header = WORKERS_BASE + W_TX_MMSG + index * MMSGHDR_SIZE;
    const vectors = Number(views.u64[(header + MSG_IOV) >> 3]!) - views.address;
    const bytes = gather(views, vectors, Number(views.u64[(header + MSG_IOVLEN) >> 3]!));
    const { segment: size = bytes.length, ...mark } = optionsOf(views, index);
    const entry = entryAt(read(views, W_TX + index * TX_SIZE + TX_OUT));
    const fd = read(views, W_TX + index * TX_SIZE + TX_FD);
    const by = { ...isFragmentable(fd, bytes.length > size), ...sourceOf(fd, bytes.length > size) };
    const to = formatEndpoint(endpoints.at(read(views, W_OUT + entry * OUT_SIZE + OUT_ENDPOINT)));
    const datagrams = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.subarray(n * size, (n + 1) * size),
    );
    assert.ok(datagrams.length <= SEGMENTS_MAX && bytes.length <= UDP_PAYLOAD_MAX, `${bytes.length} bytes`);
    return datagrams.map((datagram) => ({ entry, output: { to, datagram, ...mark, ...by } }));
  });
}

/** The writes to TAPs. */
export function deliveriesOf(views: Views): Placed[] {
  return Array.from({ length: read(views, W_DELIVER_COUNT) }, (_, index) => {
    const delivery = W_DELIVER + index * DELIVER_SIZE;
    const vectors = read(views, delivery + DELIVER_FIRST);
    const bytes = gather(views, vectors, read(views, delivery + DELIVER_VECTORS));
    const entry = entryAt(read(views, delivery + DELIVER_OUT));
    const vnic = read(views, W_OUT + entry * OUT_SIZE + OUT_VNIC);
    const [vnet, frame] = [bytes.subarray(0, VNET_SIZE), bytes.subarray(VNET_SIZE)];
    return { entry, output: vnet.equals(NO_VNET) ? { vnic, frame } : { vnic, frame, vnet } };
  });
}
