/** The part of a socket's record that frames of the underlay TAP are written by, and known by. */
import {
  SOCK_ADDRESS,
  SOCK_FLAG_CHECKSUM,
  SOCK_FLAG_CHECKSUM_FRAGMENTABLE,
  SOCK_FLAG_ZERO_CHECKSUM6,
  SOCK_FLAGS,
  SOCK_PORT,
  SOCK_SIZE,
  SOCK_SOURCE_PORTS,
} from '../../assembly/layout.js';
import { ipBytes } from '../address.js';
import type { Views } from './memory.js';
import type { SocketNames } from './types.js';

/** `record`: the 32-bit index of a record that is not live yet. Without names no frame is known as the socket's. */
export function writeNames(views: Views, record: number, names: SocketNames | undefined): void {
  const start = record << 2;
  const { u8, u32 } = views;
  u8.fill(0, start + SOCK_FLAGS, start + SOCK_SIZE);
  if (names === undefined) return;
  const { listen, checksum, acceptZeroChecksum6 } = names;
  const bytes = ipBytes(listen.ip);
  if (bytes.length === 4) u8.set([0xff, 0xff], start + SOCK_ADDRESS + 10);
  u8.set(bytes, start + SOCK_ADDRESS + 16 - bytes.length);
  writePorts(views, record, names);
  u32[(start + SOCK_FLAGS) >> 2] =
    (checksum === 'all' ? SOCK_FLAG_CHECKSUM : 0) |
    (checksum === 'none' ? 0 : SOCK_FLAG_CHECKSUM_FRAGMENTABLE) |
    (acceptZeroChecksum6 ? SOCK_FLAG_ZERO_CHECKSUM6 : 0);
  u32[(start + SOCK_PORT) >> 2] = listen.port;
}

/** The record may be live: a worker finds the port before or the port after. */
export function writePorts({ u16 }: Views, record: number, { ports }: SocketNames): void {
  u16.set(ports, ((record << 2) + SOCK_SOURCE_PORTS) >> 1);
}
