/**
 * The C library, bound once. Nothing else in the project loads a native library.
 *
 * Two ways of passing a pointer:
 *  * an address inside the shared Wasm memory is a JS number and goes as `uintptr_t` (the hot calls);
 *  * a small structure is built in a Buffer and goes as `void *`: koffi hands over the Buffer's own bytes, not a copy,
 *    so what the kernel writes is there afterwards.
 *
 * `fcntl`, `ioctl` and `open` are variadic in C. They are bound with a fixed list of integer arguments, which the
 * System V calling conventions of x86-64 and arm64 Linux pass in the same registers.
 *
 * Every call is synchronous and runs on the calling thread: namespaces and errno belong to the thread.
 */
import koffi from 'koffi';
import { libcMissing } from '../errors.js';

function load(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load('libc.so.6');
  } catch (cause) {
    throw libcMissing(cause);
  }
}

const library = load();

type Call<Arguments extends (number | string | Uint8Array)[], Result = number> = (...values: Arguments) => Result;

/** errno of the calling thread's last libc call. Read it at once: the next call may change it. */
export const lastErrno: () => number = () => koffi.errno();

/** The address of the first byte. A typed array must outlive every use of its address. */
export function pointerTo(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

// ---- hot: memory arguments are addresses in the shared memory ---------------------------------------------------
type Address = number;

export const readv: Call<[fd: number, iov: Address, count: number]> = library.func('readv', 'int64_t', [
  'int',
  'uintptr_t',
  'int',
]);
export const writev: Call<[fd: number, iov: Address, count: number]> = library.func('writev', 'int64_t', [
  'int',
  'uintptr_t',
  'int',
]);
export const recvmmsg: Call<[fd: number, messages: Address, count: number, flags: number, timeout: Address]> =
  library.func('recvmmsg', 'int', ['int', 'uintptr_t', 'uint', 'int', 'uintptr_t']);
export const sendmmsg: Call<[fd: number, messages: Address, count: number, flags: number]> = library.func(
  'sendmmsg',
  'int',
  ['int', 'uintptr_t', 'uint', 'int'],
);
export const ppoll: Call<[pollfds: Address, count: number, timeout: Address, signalMask: Address]> = library.func(
  'ppoll',
  'int',
  ['uintptr_t', 'ulong', 'uintptr_t', 'uintptr_t'],
);
export const clockGettime: Call<[clock: number, timespec: Address]> = library.func('clock_gettime', 'int', [
  'int',
  'uintptr_t',
]);

/** io_uring_enter. */
export const syscallEnter: Call<
  [call: number, fd: number, toSubmit: number, minComplete: number, flags: number, argument: Address, size: number]
> = library.func('syscall', 'int64_t', ['long', 'int', 'uint', 'uint', 'uint', 'uintptr_t', 'size_t']);

// ---- set-up: memory arguments are Buffers ------------------------------------------------------------------------
export const open: Call<[path: string, flags: number]> = library.func('open', 'int', ['str', 'int']);
export const close: Call<[fd: number]> = library.func('close', 'int', ['int']);
export const read: Call<[fd: number, bytes: Uint8Array, length: number]> = library.func('read', 'int64_t', [
  'int',
  'void *',
  'size_t',
]);
export const write: Call<[fd: number, bytes: Uint8Array, length: number]> = library.func('write', 'int64_t', [
  'int',
  'void *',
  'size_t',
]);
export const ioctl: Call<[fd: number, request: number, argument: Uint8Array]> = library.func('ioctl', 'int', [
  'int',
  'ulong',
  'void *',
]);
/** ioctl whose argument is a number, not a pointer. */
export const ioctlValue: Call<[fd: number, request: number, argument: number]> = library.func('ioctl', 'int', [
  'int',
  'ulong',
  'uintptr_t',
]);
export const socket: Call<[domain: number, type: number, protocol: number]> = library.func('socket', 'int', [
  'int',
  'int',
  'int',
]);
export const bind: Call<[fd: number, address: Uint8Array, length: number]> = library.func('bind', 'int', [
  'int',
  'void *',
  'uint',
]);
export const sendto: Call<
  [fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: number]
> = library.func('sendto', 'int64_t', ['int', 'void *', 'size_t', 'int', 'void *', 'uint']);
export const setsockopt: Call<[fd: number, level: number, option: number, value: Uint8Array, length: number]> =
  library.func('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint']);
/** `length`: a u32 of how much room `value` has, and then of how much is in it. */
export const getsockopt: Call<[fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array]> =
  library.func('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']);
/** The calls of io_uring that set things up; glibc has no names for them. */
export const syscallSetup: Call<[call: number, entries: number, params: Uint8Array]> = library.func(
  'syscall',
  'int64_t',
  ['long', 'uint', 'void *'],
);
export const syscallRegister: Call<[call: number, fd: number, operation: number, argument: Uint8Array, count: number]> =
  library.func('syscall', 'int64_t', ['long', 'int', 'uint', 'void *', 'uint']);
export const schedGetaffinity: Call<[thread: number, size: number, mask: Uint8Array]> = library.func(
  'sched_getaffinity',
  'int',
  ['int', 'size_t', 'void *'],
);
export const schedSetaffinity: Call<[thread: number, size: number, mask: Uint8Array]> = library.func(
  'sched_setaffinity',
  'int',
  ['int', 'size_t', 'void *'],
);
/** bpf: glibc has no name for it either. */
export const syscallBpf: Call<[call: number, command: number, attributes: Uint8Array, size: number]> = library.func(
  'syscall',
  'int64_t',
  ['long', 'int', 'void *', 'uint'],
);
/** pidfd_open, and pidfd_getfd: glibc before 2.36 has no names for them. */
export const syscallPidfd: Call<[call: number, first: number, second: number, flags: number]> = library.func(
  'syscall',
  'int64_t',
  ['long', 'int', 'int', 'uint'],
);
/** close_range: glibc before 2.34 has no name for it. */
export const syscallCloseRange: Call<[call: number, first: number, last: number, flags: number]> = library.func(
  'syscall',
  'int64_t',
  ['long', 'uint', 'uint', 'uint'],
);
export const madvise: Call<[address: Address, length: number, advice: number]> = library.func('madvise', 'int', [
  'uintptr_t',
  'size_t',
  'int',
]);
export const prctl: Call<[option: number, value: number]> = library.func('prctl', 'int', ['int', 'ulong']);
export const schedYield: Call<[]> = library.func('sched_yield', 'int', []);
export const eventfd: Call<[initial: number, flags: number]> = library.func('eventfd', 'int', ['uint', 'int']);
export const setns: Call<[fd: number, type: number]> = library.func('setns', 'int', ['int', 'int']);
/** Ends every thread of the process, whatever it is doing. */
export const exitProcess: (status: number) => void = library.func('_exit', 'void', ['int']);
export const flock: Call<[fd: number, operation: number]> = library.func('flock', 'int', ['int', 'int']);
/** Answers errno itself. `found` gets the address of `entry`, or 0 when there is no such account. */
export type FindAccount = Call<[name: string, entry: Uint8Array, text: Uint8Array, length: number, found: Uint8Array]>;
const findAccount = (name: string): FindAccount =>
  library.func(name, 'int', ['str', 'void *', 'void *', 'size_t', 'void *']);
export const getgrnamR = findAccount('getgrnam_r');
export const getpwnamR = findAccount('getpwnam_r');
export const fcntl: Call<[fd: number, operation: number, value: number]> = library.func('fcntl', 'int', [
  'int',
  'int',
  'int',
]);
/** Becomes another program, with the same process id and environment; comes back only when it cannot. */
export const execv: (path: string, argv: readonly (string | null)[]) => number = library.func('execv', 'int', [
  'str',
  'const char **',
]);
export const strerror: Call<[errno: number], string> = library.func('strerror', 'str', ['int']);

// ---- constants of the kernel's interface, the same on every Linux this runs on ------------------------------------
export const F_SETFD = 2;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_NOSIGNAL = 0x4000;
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const CLOCK_MONOTONIC = 1;
