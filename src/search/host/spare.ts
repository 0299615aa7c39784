/**
 * A process that has said what its plugin is, and in which an instance may be made: to start another takes longer than
 * all that follows.
 */
import type { Channel, ChannelListener, OpenChannel } from './channel.js';
import type { Confinement } from './placement.js';

export class Spare {
  readonly channel: Channel;
  readonly #confinement: Confinement;
  #isFree = true;
  /** Hears what is said until it is taken. */
  listener: ChannelListener = { said() {}, ended() {} };

  constructor(open: OpenChannel, confinement: Confinement) {
    this.#confinement = confinement;
    this.channel = open({
      said: (parcel) => this.listener.said(parcel),
      ended: (reason, sharers) => {
        this.#isFree = false;
        this.listener.ended(reason, sharers);
      },
    });
  }

  /** The way to it, for one instance; null: it has ended or is taken, is confined otherwise, or is a thread. */
  take({ isolation, memoryMiB }: Confinement): OpenChannel | null {
    const isAlike = isolation === 'process' && isolation === this.#confinement.isolation;
    if (!this.#isFree || !isAlike || memoryMiB !== this.#confinement.memoryMiB) return null;
    this.#isFree = false;
    return (listener) => {
      this.listener = listener;
      return this.channel;
    };
  }

  /** Ends it, unless it is taken: then it is the taker's. */
  async close(): Promise<void> {
    if (!this.#isFree) return;
    this.#isFree = false;
    await this.channel.close();
  }
}
