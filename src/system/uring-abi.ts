/** Numbers of the io_uring interface that the host needs (linux/io_uring.h). The Wasm side has those of the rings. */

// System calls: the same numbers on x86-64 and arm64.
export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;
export const SYS_IO_URING_REGISTER = 427;

export const IORING_SETUP_CQSIZE = 1 << 3;
export const IORING_SETUP_SUBMIT_ALL = 1 << 7; // Linux 5.18
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12; // Linux 6.0
export const IORING_SETUP_DEFER_TASKRUN = 1 << 13; // Linux 6.1
export const IORING_SETUP_NO_MMAP = 1 << 14; // Linux 6.5
export const IORING_SETUP_NO_SQARRAY = 1 << 16; // Linux 6.6

export const IORING_ENTER_GETEVENTS = 1 << 0;
/** The argument of `io_uring_enter` is a `struct io_uring_getevents_arg`. */
export const IORING_ENTER_EXT_ARG = 1 << 3;
//  struct io_uring_getevents_arg:  0         8              12              16         23
//                                 | sigmask | sigmask size | min wait (us) | timespec |
export const GETEVENTS_ARG_SIZE = 24;

export const IORING_REGISTER_PROBE = 8;
export const IORING_REGISTER_PBUF_RING = 22;
export const IORING_UNREGISTER_PBUF_RING = 23;
export const IORING_REGISTER_SYNC_CANCEL = 24; // Linux 6.0

export const IORING_ASYNC_CANCEL_ALL = 1 << 0;
export const IORING_ASYNC_CANCEL_ANY = 1 << 2;

export const IORING_OP_WRITEV = 2;
export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_SENDMSG = 9;
export const IORING_OP_RECVMSG = 10;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_READ_MULTISHOT = 49; // Linux 6.7

//  struct io_uring_params, u32 each:  0            4            8       12         16     20         24   28
//                                    | sq entries | cq entries | flags | sq thread, idle | features | wq | reserved |
//  at byte 40, struct io_sqring_offsets:  head, tail, mask, entries, flags, dropped, array, 0, u64 user address
//  at byte 80, struct io_cqring_offsets:  head, tail, mask, entries, overflow, cqes, flags, 0, u64 user address
export const PARAMS_SIZE = 120;
export const PARAMS_CQ_ENTRIES = 4;
export const PARAMS_FLAGS = 8;
export const PARAMS_FEATURES = 20;
export const PARAMS_SQ_OFF = 40;
export const PARAMS_CQ_OFF = 80;
/** Of either struct of offsets. */
export const OFF_USER_ADDR = 32;

//  struct io_uring_buf_reg:  0               8         12      14      16         39
//                           | ring's address | entries | group | flags | reserved |
export const BUF_REG_SIZE = 40;

//  struct io_uring_sync_cancel_reg:  0           8    12      16                       32   33    63
//                                   | user data | fd | flags | timespec of the timeout | op | reserved |
export const SYNC_CANCEL_SIZE = 64;
export const SYNC_CANCEL_FLAGS = 12;
export const SYNC_CANCEL_TIMEOUT = 16;

//  struct io_uring_probe:  0         1           2          4          16     then ops_len times:
//                         | last op | ops length | reserved | reserved |  | op | reserved | u16 flags | u32 reserved |
export const PROBE_HLEN = 16;
export const PROBE_OP_SIZE = 8;
export const PROBE_OP_FLAGS = 2;
export const IO_URING_OP_SUPPORTED = 1;

export const SQE_SIZE = 64;
export const CQE_SIZE = 16;
