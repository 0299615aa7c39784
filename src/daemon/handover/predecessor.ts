/** The daemon whose place this one takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, VxlaneError } from '../../control/client.js';
import { claimSocketPath } from '../../control/socket-file.js';
import { Inheritance } from '../inheritance.js';
import type { DaemonLog } from '../log.js';

/** In which it lets go of the path of the control socket, once it has been told that all is carried. */
const LET_GO_MAX_MS = 5000;
const LOOK_EVERY_MS = 5;

export class Predecessor {
  readonly inheritance: Inheritance;
  readonly #client: Client;
  readonly #socket: string;

  private constructor(client: Client, socket: string, inheritance: Inheritance) {
    this.#client = client;
    this.#socket = socket;
    this.inheritance = inheritance;
  }

  /** Takes descriptors of the daemon that answers at this path; null: none answers. Throws what stands against it. */
  static async find(socket: string, workers: number, log: DaemonLog): Promise<Predecessor | null> {
    const client = createClient(socket);
    const isThere = await client.daemon().then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof VxlaneError && thrown.code === 'daemon_absent') return false;
        throw thrown;
      },
    );
    if (!isThere) {
      log.info('there is no daemon to replace', { socket });
      return null;
    }
    const handed = await client.handover({ pid: process.pid, workers });
    log.info('taking over', { pid: handed.pid, socket });
    return new Predecessor(client, socket, new Inheritance(handed));
  }

  /** This daemon carries all frames. Resolves when the path of the control socket is free. */
  async end(): Promise<void> {
    await this.#client.endHandover();
    const endMs = performance.now() + LET_GO_MAX_MS;
    for (;;) {
      try {
        await claimSocketPath(this.#socket);
        return;
      } catch (thrown) {
        if (performance.now() > endMs) throw thrown;
        await sleep(LOOK_EVERY_MS);
      }
    }
  }
}
