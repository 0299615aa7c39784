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

// ---- demo ------------------------------------------------------------------------------------------------------

/** The laboratory makes network namespaces and TAPs. */
export function needsRoot(what: string): VxlaneError {
  return new VxlaneError('needs_root', `${what} makes network namespaces and TAP interfaces: run it as root`);
}

export function noTunDevice(): VxlaneError {
  return new VxlaneError('no_tun_device', 'no /dev/net/tun on this machine: load the kernel module (modprobe tun)');
}

/** `packages` are Debian's names, for those who have apt-get but did not let us use it. */
export function toolsMissing(tools: readonly string[], packages: readonly string[]): VxlaneError {
  const names = [...new Set(packages)].join(' ');
  return new VxlaneError('tools_missing', `not installed: ${tools.join(', ')} (Debian: apt-get install ${names})`);
}

/** A command of the laboratory that should have worked; `output` is what it printed. */
export function commandFailed(argv: readonly string[], reason: string, output: string): VxlaneError {
  const said = output.trim() === '' ? 'it printed nothing' : output.trim().replaceAll('\n', ' | ');
  return new VxlaneError('command_failed', `"${argv.join(' ')}" ${reason}: ${said}`);
}

export function daemonNotReady(host: string, reason: string, logFile: string): VxlaneError {
  return new VxlaneError('daemon_not_ready', `the daemon of ${host} ${reason}; its log is ${logFile}`);
}

// ---- control ---------------------------------------------------------------------------------------------------
// The control API derives the HTTP status from the code: `no_such_…` is 404, `bad_…` is 400, all others are 409.

export const noSuchOverlay = (name: string) => new VxlaneError('no_such_overlay', `no such overlay: ${name}`);

export const noSuchVnic = (name: string) => new VxlaneError('no_such_vnic', `no such VNIC: ${name}`);

export const badMac = (text: string) =>
  new VxlaneError(
    'bad_mac',
    `not a MAC address: ${JSON.stringify(text)} (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)`,
  );

export const noSuchRoute = (method: string, path: string) =>
  new VxlaneError('no_such_route', `${method} ${path}: no such route (see src/control/protocol.ts)`);

/** `problems`: one text a field, each naming it. */
export const badRequest = (problems: readonly string[]) =>
  new VxlaneError('bad_request', `bad request: ${problems.join('; ')}`);

/** The path of a Unix socket does not fit `sun_path`. */
export const socketPathTooLong = (path: string, bytes: number) =>
  new VxlaneError('socket_path_too_long', `socket path ${path} is ${bytes} bytes long; the kernel takes 107`);

export const socketPathTaken = (path: string) =>
  new VxlaneError('socket_path_taken', `${path} exists and is not a socket; remove it or choose another --socket`);

/** `pid`: of the daemon; null when something answers that is not a vxlane daemon. */
export const socketAnswers = (path: string, pid: number | null) =>
  new VxlaneError(
    'socket_answers',
    pid === null
      ? `another process answers on ${path}; stop it or choose another --socket`
      : `another vxlane daemon (pid ${pid}) answers on ${path}; stop it or choose another --socket`,
  );

export const socketUnusable = (path: string, cause: unknown) =>
  new VxlaneError('socket_unusable', `cannot listen on ${path}: ${messageOf(cause)}`, { cause });

export const daemonAbsent = (socket: string) =>
  new VxlaneError(
    'daemon_absent',
    `no vxlane daemon answers on ${socket} (start one with "vxlane daemon", or name its socket with --socket)`,
  );

export const daemonNotPermitted = (socket: string) =>
  new VxlaneError('daemon_not_permitted', `permission denied on ${socket}: run as root or as a member of its group`);

export const daemonSilent = (socket: string, seconds: number) =>
  new VxlaneError('daemon_silent', `the vxlane daemon on ${socket} did not answer within ${seconds} s`);

export const daemonFailed = (socket: string, cause: unknown) =>
  new VxlaneError('daemon_failed', `talking to the vxlane daemon on ${socket} failed: ${messageOf(cause)}`, { cause });

/** What a client hears of a bug; the daemon's log has the stack. */
export const internalError = () =>
  new VxlaneError('internal_error', 'the daemon failed on this request (a bug); its log has the details');

// ---- search ----------------------------------------------------------------------------------------------------

/** Everything that is wrong with the properties of one command. */
export const badProperties = (problems: readonly string[]) => new VxlaneError('bad_properties', problems.join('; '));

export const unknownSearchPlugin = (name: string, known: readonly string[]) =>
  new VxlaneError(
    'unknown_search_plugin',
    `unknown search plugin ${JSON.stringify(name)}: expected one of ${known.join(', ')}`,
  );
