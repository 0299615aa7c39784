/** The channel of one instance in a plugin's thread, as the host sees it: a port that nobody else writes to. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Channel, ChannelListener, Place } from './channel.js';
import { isParcel, type Message } from './messages.js';

/** The thread that the instance is in. */
interface Thread {
  /** Instances in it. */
  readonly size: number;
  watch(nowMs: number): void;
  /** Resolves when the instance has ended. */
  leave(channel: InstanceChannel): Promise<void>;
  /** One of its instances did what none may. */
  endFor(reason: string): void;
}

export class InstanceChannel implements Channel {
  /** Whose instance it is: of two of one owner, neither is a neighbour. */
  readonly owner: object;
  readonly #thread: Thread;
  readonly #port: MessagePort;
  readonly #listener: ChannelListener;
  #isOver = false;

  constructor(owner: object, thread: Thread, port: MessagePort, listener: ChannelListener) {
    this.owner = owner;
    this.#thread = thread;
    this.#port = port;
    this.#listener = listener;
    port.on('message', (parcel: unknown) => this.#take(parcel));
  }

  get place(): Place {
    return { kind: 'thread', instances: this.#thread.size };
  }

  send(message: Message): void {
    this.#port.postMessage(message);
  }

  watch(nowMs: number): void {
    this.#thread.watch(nowMs);
  }

  /** The instance is told to stop, if it was not; a thread that has no other ends. */
  close(): Promise<void> {
    this.#isOver = true;
    this.#port.close();
    return this.#thread.leave(this);
  }

  /** What its thread said before it ended. */
  drain(): void {
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message);
    }
  }

  /** Its thread has ended, see {@link ChannelListener.ended}. */
  ended(reason: string, sharers: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#port.close();
    this.#listener.ended(reason, sharers);
  }

  #take(parcel: unknown): void {
    if (this.#isOver) return;
    if (!isParcel(parcel)) {
      this.#thread.endFor("posted to a port of its thread, which is the host's");
      return;
    }
    // Not before others had their turn: Node takes what comes meanwhile in the same one, up to a thousand parcels.
    setImmediate(() => this.send({ kind: 'taken' }));
    this.#listener.said(parcel);
  }
}
