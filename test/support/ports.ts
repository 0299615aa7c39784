/**
 * Ports of the loopback for servers that a test starts. They are below the ephemeral ones: what connects anywhere takes
 * one of those while a server is down for a moment, and may even connect to itself on it.
 */
import { existsSync, readFileSync } from 'node:fs';

// Test files run side by side with process ids that are close: their ports are not.
let port = 20_000 + ((process.pid * 211) % 12_000);

/** A TCP and UDP port that this process gets once, and most likely nobody else has. */
export function freePort(): number {
  do port += 1;
  while (isTaken(port));
  return port;
}

/** A socket of this network namespace has it. */
function isTaken(port: number): boolean {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  return ['tcp', 'tcp6', 'udp', 'udp6']
    .map((kind) => `/proc/net/${kind}`)
    .some((path) => existsSync(path) && readFileSync(path, 'latin1').includes(end));
}
