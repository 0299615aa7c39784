/** The other side of /v1/captures: the bytes of a capture as they come, and its orderly end. Loads no package. */
import type { IncomingMessage } from 'node:http';
import { daemonFailed, VxlaneError } from '../errors.js';
import { openStream, sendRequest } from './request.js';
import type { CaptureRequest } from './requests.js';

const PATIENCE_MS = 10_000;

export interface FollowedCapture {
  /** A pcapng file; throws when the daemon breaks off. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The file's end comes then. */
  end(): Promise<void>;
}

/** Throws a VxlaneError when the daemon refuses, or none answers. */
export async function followCapture(socket: string, asked: Partial<CaptureRequest>): Promise<FollowedCapture> {
  const path = '/v1/captures';
  const response = await openStream({ socket, method: 'POST', path, body: asked, timeoutMs: PATIENCE_MS });
  const id = String(response.headers['vxlane-capture']);
  return {
    bytes: bytesOf(socket, response),
    end: async () => {
      const ending = { socket, method: 'DELETE', path: `/v1/captures/${id}`, timeoutMs: PATIENCE_MS } as const;
      await sendRequest(ending).catch((thrown: unknown) => {
        // It has ended by itself meanwhile.
        if (!(thrown instanceof VxlaneError) || thrown.code !== 'no_such_capture') throw thrown;
      });
    },
  };
}

async function* bytesOf(socket: string, response: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  try {
    yield* response;
  } catch (thrown) {
    throw daemonFailed(socket, thrown);
  }
}
