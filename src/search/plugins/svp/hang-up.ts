/** The end of a TCP connection in order, whatever is still under way on it. */
import type { Socket } from 'node:net';
import type { SvpEnvironment } from './environment.js';

/** A server that does not close its side is left after this long. */
export const HANG_UP_MS = 30_000;

/**
 * Closes a connection without a reset: a server may have no listener for such an error, and end for everybody. Bytes
 * that nobody has read would make it one, and so would an answer that comes later. So what still comes is read, and
 * thrown away by whoever listens, until the server has closed its side too. Resolves when nothing is left.
 */
export function hangUp(socket: Socket, environment: SvpEnvironment): Promise<void> {
  socket.on('error', () => {}); // what still goes wrong with it is nobody's concern
  if (socket.destroyed || socket.connecting) {
    socket.destroy();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const cancel = environment.after(HANG_UP_MS, () => socket.destroy());
    socket.once('close', () => {
      cancel();
      resolve();
    });
    socket.end();
  });
}
