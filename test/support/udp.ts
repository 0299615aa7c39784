/** The rest of what `openUnderlay` wants, for tests that are about something else: one socket for everything. */
export const PLAIN_UDP = {
  workers: 1,
  sources: 1,
  checksum: 'always',
  acceptZeroChecksum6: false,
} as const;
