/** The numbers of pcapng that a writer and a reader share. */

export const SECTION_HEADER = 0x0a0d0d0a;
export const INTERFACE_DESCRIPTION = 1;
export const INTERFACE_STATISTICS = 5;
export const ENHANCED_PACKET = 6;

export const OPT_END = 0;
export const OPT_COMMENT = 1;

/** Ethernet frames without FCS. */
export const LINKTYPE_ETHERNET = 1;
/** IPv4 or IPv6, as the first four bits say. */
export const LINKTYPE_RAW = 101;

/** As the program sees it that captures. `unknown`: neither. */
export type Direction = 'unknown' | 'in' | 'out';

/** The first two bits of epb_flags. */
export const DIRECTION_BITS: Readonly<Record<Direction, number>> = { unknown: 0, in: 1, out: 2 };
