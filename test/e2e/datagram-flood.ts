/**
 * A program that tests run inside namespaces: sends one datagram again and again, as fast as it can. Its one argument
 * is a {@link Flood}, as JSON; it prints how many milliseconds that took.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

export interface Flood {
  readonly address: string;
  readonly port: number;
  /** Hexadecimal digits. */
  readonly datagram: string;
  readonly count: number;
}

const AT_ONCE = 64;

const { address, port, datagram, count } = JSON.parse(process.argv[2] as string) as Flood;
const bytes = Buffer.from(datagram, 'hex');
const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
await new Promise<void>((resolve) => socket.connect(port, address, resolve));
const send = () =>
  new Promise<void>((resolve, reject) => socket.send(bytes, (error) => (error === null ? resolve() : reject(error))));
const startMs = performance.now();
for (let sent = 0; sent < count; sent += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sent) }, send));
}
process.stdout.write(`${Math.round(performance.now() - startMs)}\n`);
socket.close();
