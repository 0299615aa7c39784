/** What this process may do beyond an ordinary one; capabilities(7). */
import { readFileSync } from 'node:fs';

/** Bits of linux/capability.h: those that the daemon has a use for. */
const CAPABILITIES = {
  CAP_CHOWN: 0n,
  CAP_DAC_READ_SEARCH: 2n,
  CAP_KILL: 5n,
  CAP_SETGID: 6n,
  CAP_SETUID: 7n,
  CAP_NET_BIND_SERVICE: 10n,
  CAP_NET_ADMIN: 12n,
  CAP_NET_RAW: 13n,
  CAP_IPC_LOCK: 14n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_BPF: 39n,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** `net_admin` is CAP_NET_ADMIN, as setpriv(1) has it. */
export const CAPABILITY_NAMES: readonly string[] = Object.keys(CAPABILITIES).map(shortName);

export function shortName(capability: string): string {
  return capability.slice('CAP_'.length).toLowerCase();
}

/** Of those, what the calling thread has in effect. */
export function effectiveCapabilities(): Capability[] {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1')) ?? [];
  const bits = BigInt(`0x${effective ?? '0'}`);
  return (Object.keys(CAPABILITIES) as Capability[]).filter((name) => ((bits >> CAPABILITIES[name]) & 1n) === 1n);
}
