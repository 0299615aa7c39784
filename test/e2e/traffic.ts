/** Traffic between two hosts of a laboratory that must arrive as it was sent, see exchange.ts. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/host.js';
import type { Outcome } from '../../src/demo/processes.js';
import type { Result, Task } from './exchange.js';

const PROGRAM = fileURLToPath(new URL('./exchange.js', import.meta.url));
const TIMEOUT_MS = 40_000;
const DEFAULTS = { port: 7000, bytes: 2 << 20, streams: 1, sizes: [], batches: 0 };
/** Equal ones that may share a send, a shorter one that ends a run, the smallest, and odd lengths in between. */
const MIX = [...Array.from({ length: 12 }, () => 900), 333, 8, 1200, 1200, 1199, 41, 41, 41, 1201, 700, 700, 700, 9];

function start(host: Host, task: Partial<Task>) {
  const argv = [process.execPath, PROGRAM, JSON.stringify({ ...DEFAULTS, ...task })];
  return host.spawn(argv, { timeoutMs: TIMEOUT_MS });
}

function resultOf(host: Host, { code, stdout, stderr, timedOut }: Outcome): Result {
  const how = timedOut ? 'took too long' : `exited with ${code}`;
  assert.ok(code === 0 && !timedOut, `${host.name} ${how}: ${stderr}${stdout}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Result;
}

/** Random bytes by TCP, both ways at once; `address` is the listener's. Each stream must arrive as it was sent. */
export async function streamBothWays(client: Host, server: Host, address: string, task: Partial<Task> = {}) {
  const listener = start(server, { ...task, role: 'listen', address });
  await listener.printed(/listening/);
  const connector = start(client, { ...task, role: 'connect', address });
  const [there, here] = await Promise.all([listener.done, connector.done]);
  const [listened, connected] = [resultOf(server, there), resultOf(client, here)];
  assert.deepEqual(listened.received, connected.sent, `TCP from ${client.name} to ${server.name}`);
  assert.deepEqual(connected.received, listened.sent, `TCP from ${server.name} to ${client.name}`);
  assert.equal(new Set([...listened.sent, ...connected.sent]).size, 2 * listened.sent.length);
}

/** Datagrams of mixed sizes in bursts: each must arrive once, in order, with its content. */
export async function sendDatagrams(from: Host, to: Host, address: string, sizes: readonly number[] = MIX) {
  const task = { address, port: 7001, sizes, batches: 8 };
  const receiver = start(to, { ...task, role: 'receive' });
  await receiver.printed(/listening/);
  const sender = start(from, { ...task, role: 'send' });
  const [got, sent] = await Promise.all([receiver.done, sender.done]);
  resultOf(to, got);
  resultOf(from, sent);
}
