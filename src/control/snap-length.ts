/** How much of a packet a capture keeps. Loads no package, because every command pays for its start. */

/** Bytes of the largest super-frame, and to spare. */
export const SNAP_LENGTH_MAX = 262_144;
/** Outer headers, and a little of the frame. */
export const SNAP_LENGTH_MIN = 64;
