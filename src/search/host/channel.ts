/** The way between a host and the instance it is for, wherever that runs. */
import type { Message, Said } from './messages.js';

/** Where an instance runs. */
export type Place =
  /** So many instances are in the thread, this one among them. */
  | { readonly kind: 'thread'; readonly instances: number }
  /** Memory that the process has to itself, as last looked at. */
  | { readonly kind: 'process'; readonly pid: number; readonly residentMiB: number };

/** Both ways to an instance's side. */
export interface Channel {
  readonly place: Place;
  send(message: Message): void;
  /** To be called about ten times a second, with milliseconds of a monotonic clock. */
  watch(nowMs: number): void;
  /** Ends the instance, whatever it does. Resolves when it has ended; the listener hears nothing more. */
  close(): Promise<void>;
}

export interface ChannelListener {
  said(parcel: readonly Said[]): void;
  /**
   * The other side has ended without being told to; `reason` completes "the plugin …". `sharers`: 0, by its own fault;
   * more: so many shared its thread, it among them, and any of them may be the cause.
   */
  ended(reason: string, sharers: number): void;
}

export type OpenChannel = (listener: ChannelListener) => Channel;
