// Which descriptors a worker waits for.

import {
  HDR_CONFIG_GENERATION,
  POLLFD_SIZE,
  SOCKETS_MAX,
  SOCK_LIVE,
  UNDERLAY_TAP,
  VNICS_MAX,
  VNIC_FLAGS,
  W_CONFIG_SEEN,
  W_EVENTFD,
  W_POLLFDS,
  W_POLL_INDEX,
  W_SOCKET_FDS,
  W_VNIC_FDS,
} from '../../layout';
import { w } from '../../datapath/worker';
import { socketAt, vnicAt } from '../../table/records';

const POLLIN: u16 = 1;

// Fills the pollfd array: the eventfd, every socket, the underlay TAP, every VNIC. Answers how many.
export function pollSet(): u32 {
  store<u32>(w(), atomic.load<u32>(HDR_CONFIG_GENERATION), W_CONFIG_SEEN);
  let count: u32 = 0;
  count = poll(count, load<i32>(w(), W_EVENTFD), 0);
  for (let index: u32 = 1; index < <u32>SOCKETS_MAX; index++) {
    const fd = load<i32>(w() + W_SOCKET_FDS + ((<usize>index) << 2));
    if (load<u32>(socketAt(index), SOCK_LIVE) && fd >= 0) count = poll(count, fd, index);
  }
  for (let index: u32 = UNDERLAY_TAP; index < <u32>VNICS_MAX; index++) {
    const fd = load<i32>(w() + W_VNIC_FDS + ((<usize>index) << 2));
    if (load<u32>(vnicAt(index), VNIC_FLAGS) && fd >= 0) count = poll(count, fd, SOCKETS_MAX + index);
  }
  return count;
}

function poll(count: u32, fd: i32, index: u32): u32 {
  const entry = w() + W_POLLFDS + <usize>count * POLLFD_SIZE;
  store<i32>(entry, fd);
  store<u16>(entry, POLLIN, 4);
  store<u16>(entry, 0, 6);
  store<u32>(w() + W_POLL_INDEX + ((<usize>count) << 2), index);
  return count + 1;
}

// Whether sockets or VNICs have changed since pollSet.
export function pollSetChanged(): bool {
  return load<u32>(w(), W_CONFIG_SEEN) != atomic.load<u32>(HDR_CONFIG_GENERATION);
}
