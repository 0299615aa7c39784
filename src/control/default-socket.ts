/** Apart from the protocol, so that a client does not load zod for one string. */

/** Where the daemon listens unless told otherwise. */
export const DEFAULT_SOCKET = '/run/vxlane/vxlane.sock';
