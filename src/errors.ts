import { constants as osConstants } from 'node:os';

/**
 * Every error an operator can meet: one function a message, each with a stable code.
 *
 * A `VxlaneError` is expected: it prints as one line that says what, where, and what would be right, and ends the
 * command with `exitCode`. Anything else that is thrown is a bug and prints its stack.
 */
export class VxlaneError extends Error {
  /** Stable, machine-readable name, e.g. `overlay_exists`. */
  readonly code: string;
  /** 1 refused, 2 usage. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'VxlaneError';
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The text of anything thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll('\n', ' ');
}

// ---- system ----------------------------------------------------------------------------------------------------

/** A system call that failed: `what` names the call and its object, `errno` is positive. */
export class SystemError extends VxlaneError {
  readonly errno: number;
  /** `ENOENT`, `EPERM`, … */
  readonly errnoName: string;

  constructor(what: string, errno: number, errnoName: string, description: string, code = 'system_call_failed') {
    super(code, `${what}: ${description} (${errnoName})`);
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** A refusal of the kernel that we can explain better than strerror. */
function refused(code: string, what: string, name: keyof typeof osConstants.errno, description: string): SystemError {
  return new SystemError(what, osConstants.errno[name], name, description, code);
}

const inNetns = (netns: string | null): string => (netns === null ? '' : ` in network namespace ${netns}`);

export const libcMissing = (cause: unknown) =>
  new VxlaneError('libc_missing', `cannot load libc.so.6 (${messageOf(cause)}): vxlane needs Linux with glibc`, {
    cause,
  });

export const tunMissing = () =>
  refused('tun_missing', 'open /dev/net/tun', 'ENOENT', 'this kernel offers no TAP interfaces; try: modprobe tun');

export const tunNotPermitted = (name: string, netns: string | null) =>
  refused(
    'tun_not_permitted',
    `interface ${name}${inNetns(netns)}`,
    'EPERM',
    'creating or attaching a TAP needs root (CAP_NET_ADMIN)',
  );

export const interfaceNameInvalid = (name: string) =>
  new VxlaneError(
    'interface_name_invalid',
    `${JSON.stringify(name)} is not an interface name: 1 to 15 bytes without spaces, "/", ":" or "%"`,
  );

/** `holder`: the process, when it could be found. */
export const interfaceBusy = (name: string, netns: string | null, holder: string | null) =>
  refused(
    'interface_busy',
    `interface ${name}${inNetns(netns)}`,
    'EBUSY',
    `${holder ?? 'another process'} holds this TAP; stop it or choose another name`,
  );

/** `kind`: what the interface is instead. */
export const interfaceNotTap = (name: string, netns: string | null, kind: string) =>
  refused(
    'interface_not_tap',
    `interface ${name}${inNetns(netns)}`,
    'EEXIST',
    `the name is taken by ${kind}, not a TAP that could be attached; remove it or choose another name`,
  );

export const mtuRefused = (name: string, mtu: number) =>
  refused('mtu_refused', `interface ${name}`, 'EINVAL', `the kernel does not take ${mtu} as MTU`);

export const netnsNameInvalid = (netns: string) =>
  new VxlaneError(
    'netns_name_invalid',
    `${JSON.stringify(netns)} is neither the name of a network namespace (see: ip netns list) nor an absolute path`,
  );

export const netnsMissing = (netns: string, path: string) =>
  refused('netns_missing', `network namespace ${netns}`, 'ENOENT', `${path} does not exist; try: ip netns add`);

export const netnsNotOne = (netns: string, path: string) =>
  refused('netns_not_one', `network namespace ${netns}`, 'EINVAL', `${path} is not a network namespace`);

export const netnsNotPermitted = (netns: string) =>
  refused('netns_not_permitted', `network namespace ${netns}`, 'EPERM', 'entering it needs root (CAP_SYS_ADMIN)');

/** `holder`: the process, or the kernel, when it could be found. */
export const portInUse = (endpoint: string, holder: string | null) =>
  refused(
    'port_in_use',
    `listen on ${endpoint}/udp`,
    'EADDRINUSE',
    `the port is held by ${holder ?? 'something that cannot be seen from here'}`,
  );

export const addressNotLocal = (ip: string, port: number) =>
  refused('address_not_local', `listen on port ${port}/udp`, 'EADDRNOTAVAIL', `no interface here has address ${ip}`);
