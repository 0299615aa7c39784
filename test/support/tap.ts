import { VNET_SIZE } from '../../assembly/layout.js';

/** The rest of what `openTap` wants, for tests that are about something else: one queue of plain frames. */
export const PLAIN_TAP = { queues: 1, offload: 'off' } as const;

/** Before every frame of a TAP stands a struct virtio_net_hdr; all zero: the frame is complete. */
export const VNET_NONE = Buffer.alloc(VNET_SIZE);
