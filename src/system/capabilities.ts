/** What this process may do beyond an ordinary one; capabilities(7). */
import { readFileSync } from 'node:fs';

/** Bits of linux/capability.h: those that the daemon has a use for. */
const CAPABILITIES = {
  CAP_KILL: 5n,
  CAP_SETGID: 6n,
  CAP_SETUID: 7n,
  CAP_NET_ADMIN: 12n,
  CAP_NET_RAW: 13n,
  CAP_SYS_ADMIN: 21n,
  CAP_BPF: 39n,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** Those that the calling thread has in effect. */
export function effectiveCapabilities(): Capability[] {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1')) ?? [];
  const bits = BigInt(`0x${effective ?? '0'}`);
  return (Object.keys(CAPABILITIES) as Capability[]).filter((name) => ((bits >> CAPABILITIES[name]) & 1n) === 1n);
}
