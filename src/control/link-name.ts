/** Apart from all that clients send, because a start of the daemon waits for it. */
import * as z from 'zod';

/** Overlay and VNIC names are interface names: what the kernel's dev_valid_name takes, and no colon. */
export const LinkName = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/, {
  error: (issue) => `bad link name ${JSON.stringify(issue.input)}: expected 1 to 15 of A-Z a-z 0-9 _ . -`,
});
