/**
 * A program that tests run inside namespaces: moves bytes that nobody could guess, and says what came of them. Its one
 * argument is a {@link Task}, as JSON; it prints one {@link Result}.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Task {
  /** `listen` and `connect` exchange streams both ways at once; `receive` and `send` datagrams one way. */
  readonly role: 'listen' | 'connect' | 'receive' | 'send';
  readonly address: string;
  readonly port: number;
  /** Of each stream, each way. */
  readonly bytes: number;
  readonly streams: number;
  /** Payload bytes of the datagrams of a batch, in order; sent again and again, `batches` times. */
  readonly sizes: readonly number[];
  readonly batches: number;
}

export interface Result {
  /** SHA-256 of each stream, sorted. */
  readonly sent: string[];
  readonly received: string[];
}

const BATCH_TIMEOUT_MS = 5000;
const HEAD = 8;

/** `length` bytes that differ everywhere and for every seed. */
function noise(length: number, seed: number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function stream(socket: Socket, bytes: number, seed: number): Promise<{ sent: string; received: string }> {
  const ours = noise(bytes, seed);
  const hash = createHash('sha256');
  socket.on('data', (chunk) => hash.update(chunk)); // not `for await`, which would cut our own side off at its end
  socket.end(ours);
  await once(socket, 'close');
  return { sent: sha256(ours), received: hash.digest('hex') };
}

async function streams({ role, address, port, bytes, streams: count }: Task): Promise<Result> {
  const seeds = Array.from({ length: count }, (_, index) => index + (role === 'listen' ? 1000 : 2000));
  const sockets: Socket[] = [];
  if (role === 'listen') {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      server.emit('another');
    });
    server.listen(port, address, () => process.stdout.write('listening\n'));
    while (sockets.length < count) await once(server, 'another');
    server.close();
  } else {
    for (const _ of seeds) sockets.push(connect({ host: address, port, allowHalfOpen: true }));
  }
  const done = await Promise.all(sockets.map((socket, index) => stream(socket, bytes, seeds[index] as number)));
  return { sent: done.map(({ sent }) => sent).sort(), received: done.map(({ received }) => received).sort() };
}

/** u32 batch, u32 index in the batch, noise that follows from both. */
function datagram(batch: number, index: number, size: number): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(HEAD), noise(size - HEAD, batch * 1000 + index)]);
  bytes.writeUInt32BE(batch, 0);
  bytes.writeUInt32BE(index, 4);
  return bytes;
}

/** Answers the last datagram of each batch with what was wrong with the batch: nothing, or a line. */
async function receive({ address, port, sizes, batches }: Task): Promise<Result> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(port, address, () => process.stdout.write('listening\n'));
  const [, first] = (await next(socket)) as [Buffer, RemoteInfo];
  await new Promise((resolve) => socket.send('next', first.port, first.address, resolve));
  for (let batch = 0; batch < batches; batch++) {
    for (const [index, size] of sizes.entries()) {
      const [bytes, from] = (await next(socket)) as [Buffer, RemoteInfo];
      const expected = datagram(batch, index, size);
      const got = `batch ${bytes.readUInt32BE(0)}, index ${bytes.readUInt32BE(4)}, ${bytes.length} bytes`;
      assert.ok(bytes.equals(expected), `expected batch ${batch}, index ${index}, ${size} bytes; got ${got}`);
      if (index < sizes.length - 1) continue;
      await new Promise((resolve) => socket.send('next', from.port, from.address, resolve));
    }
  }
  socket.close();
  return { sent: [], received: [] };
}

const queues = new WeakMap<UdpSocket, [Buffer, RemoteInfo][]>();

/** What the socket receives next; nothing is lost between two calls. */
async function next(socket: UdpSocket): Promise<[Buffer, RemoteInfo]> {
  let queue = queues.get(socket);
  if (queue === undefined) {
    const made: [Buffer, RemoteInfo][] = [];
    socket.on('message', (bytes, from) => {
      made.push([bytes, from]);
      socket.emit('queued');
    });
    queues.set(socket, made);
    queue = made;
  }
  while (queue.length === 0) await once(socket, 'queued', { signal: AbortSignal.timeout(BATCH_TIMEOUT_MS * 2) });
  return queue.shift() as [Buffer, RemoteInfo];
}

async function send({ address, port, sizes, batches }: Task): Promise<Result> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', sendBufferSize: 4 << 20 });
  // One alone first: while the kernel here asks for the neighbour's MAC it queues datagrams, and those of the queue and
  // those sent right after the answer overtake each other before they have reached the interface.
  const hello = once(socket, 'message', { signal: AbortSignal.timeout(BATCH_TIMEOUT_MS) });
  socket.send('hello', port, address);
  await hello;
  for (let batch = 0; batch < batches; batch++) {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(BATCH_TIMEOUT_MS) });
    for (const [index, size] of sizes.entries()) socket.send(datagram(batch, index, size), port, address);
    await answer;
  }
  socket.close();
  return { sent: [], received: [] };
}

const task = JSON.parse(process.argv[2] as string) as Task;
const run = { listen: streams, connect: streams, receive, send }[task.role];
process.stdout.write(`${JSON.stringify(await run(task))}\n`);
