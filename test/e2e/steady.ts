/**
 * A program that tests run inside namespaces: numbered datagrams at a steady rate, for as long as the test likes. Its
 * one argument is a {@link SteadyTask}, as JSON. It prints `ready`, the receiver also `all flow` when each flow has
 * arrived; on SIGTERM it prints one {@link Steadiness} and ends.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface SteadyTask {
  readonly role: 'send' | 'receive';
  /** One flow to each; the receiver has them all. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Milliseconds between two datagrams of a flow. */
  readonly everyMs: number;
}

/** A row for each flow. */
export interface Steadiness {
  /** Datagrams sent, or received. */
  readonly count: number[];
  /** Datagrams that did not come right after the one before them; none at the sender. */
  readonly outOfOrder: OutOfOrder[][];
}

export interface OutOfOrder {
  readonly awaited: number;
  readonly came: number;
}

const { role, addresses, port, everyMs } = JSON.parse(process.argv[2] as string) as SteadyTask;
const count = addresses.map(() => 0);
const outOfOrder: OutOfOrder[][] = addresses.map(() => []);

function send(): NodeJS.Timeout {
  const sockets = addresses.map(() => createSocket('udp4'));
  return setInterval(() => {
    for (const [flow, socket] of sockets.entries()) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(count[flow]!++);
      socket.send(bytes, port, addresses[flow]);
    }
  }, everyMs);
}

function receive(flow: number, socket: Socket): void {
  let next = 0;
  socket.on('message', (bytes) => {
    const number = bytes.readUInt32BE();
    if (number !== next) outOfOrder[flow]!.push({ awaited: next, came: number });
    next = number + 1;
    if (count[flow]!++ === 0 && count.every((some) => some > 0)) process.stdout.write('all flow\n');
  });
}

if (role === 'send') send();
else {
  for (const [flow, address] of addresses.entries()) {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    receive(flow, socket);
    socket.bind(port, address);
    await once(socket, 'listening');
  }
}
process.once('SIGTERM', () => {
  const said: Steadiness = { count, outOfOrder };
  process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
});
process.stdout.write('ready\n');
