/** The rest of what `openTap` wants, for tests that are about something else: one queue of plain frames. */
export const PLAIN_TAP = { queues: 1, offload: 'off' } as const;
