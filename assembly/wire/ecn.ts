// Explicit congestion notification, RFC 3168 section 5: the low two bits of the TOS or the traffic class.

/** The sender knows nothing of it. */
export const NOT_ECT: u32 = 0;
/** The sender is capable of it, two ways of saying so. */
export const ECT_1: u32 = 1;
export const ECT_0: u32 = 2;
/** A router was congested. */
export const CE: u32 = 3;
/** The bits in a TOS or a traffic class. */
export const ECN: u32 = 3;
