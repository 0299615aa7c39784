/** Datagrams by sendmmsg and recvmmsg, one call each, for tests of sockets. */

import { sockaddrOf } from '../../src/system/sockaddr.js';
import { ppoll, recvmmsg, sendmmsg } from '../../src/system/syscalls.js';
import { CMSG_SPACE, POLLIN, Shared } from './shared.js';

const ROOM = 4096;
const SOCKADDR_MAX = 28;
const PORT = 2;
const MSG_CONTROLLEN = 40;

/** sendmmsg of one payload, cut into segments if a size of them is given: its answer. */
export function sendOne(fd: number, ip: string, port: number, payload: Buffer, segmentSize?: number): number {
  const shared = new Shared();
  const address = sockaddrOf({ ip, port });
  const header = shared.mmsghdrs([
    {
      name: shared.put(address),
      nameLen: address.length,
      iovec: shared.iovec(shared.put(payload), payload.length),
      ...(segmentSize === undefined ? {} : { control: shared.segments(segmentSize) }),
    },
  ]);
  return sendmmsg(fd, shared.at(header), 1, 0);
}

export interface Received {
  readonly payload: Buffer;
  /** Source port. */
  readonly port: number;
  /** What a UDP_GRO control message said, or null. */
  readonly groSize: number | null;
}

/** The next datagram, or -errno; with a time to wait, not before there is something or that is over. */
export function receiveOne(fd: number, waitMs = 0): Received | number {
  const shared = new Shared();
  ppoll(shared.at(shared.pollfd(fd, POLLIN)), 1, shared.at(shared.timespec(waitMs)));
  const [name, slot, control] = [shared.take(SOCKADDR_MAX), shared.take(ROOM), shared.take(CMSG_SPACE)];
  const header = shared.mmsghdrs([
    { name, nameLen: SOCKADDR_MAX, iovec: shared.iovec(slot, ROOM), control: { at: control, length: CMSG_SPACE } },
  ]);
  const answer = recvmmsg(fd, shared.at(header), 1, 0);
  if (answer !== 1) return answer;
  return {
    payload: shared.copy(slot, shared.messageLength(header, 0)),
    port: shared.view.getUint16(name + PORT, false),
    groSize: shared.groSize(control, Number(shared.view.getBigUint64(header + MSG_CONTROLLEN, true))),
  };
}
