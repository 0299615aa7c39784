/** How much there may be of what crosses the control socket. Loads no package: a start of the daemon waits for it. */

/** Targets of a page, unless `limit` says otherwise. */
export const TARGETS_DEFAULT = 1000;
export const TARGETS_MAX = 10_000;

/** MACs that moved: those with the most moves; of more than so many the others are left out. */
export const MOVES_MAX = 1000;

/** Of a ping, bytes behind the Ethernet header of a frame, as an MTU counts them. */
export const PING_SIZE_MIN = 64;
export const PING_TIMEOUT_MAX_MS = 10_000;
