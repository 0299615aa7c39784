/** What `etcd/register` needs of a connection to etcd. */

/** A key and its value; `key` is without the prefix. */
export interface Pair {
  readonly key: string;
  readonly value: Buffer;
  /** The revision that wrote it. */
  readonly revision: number;
}

/** A key that is to be written. */
export interface Put {
  readonly key: string;
  readonly value: string;
  /** The revision that it is to have been written in last, 0: it is to be none; null: whatever it says. */
  readonly over: number | null;
}

/** One connection's part of it. Each rejects with why not. */
export interface Writer {
  /** `ttl` in seconds. */
  grant(id: number, ttl: number): Promise<void>;
  /** False: there is no such lease any more. */
  keepAlive(id: number): Promise<boolean>;
  revoke(id: number): Promise<void>;
  /** Those that there are. */
  read(keys: readonly string[]): Promise<readonly Pair[]>;
  /** All of them, in the revision that this resolves with; null: none, as one of them was written in another. */
  putAll(puts: readonly Put[], lease: number): Promise<number | null>;
  /** Removes the key if it is under that lease still. */
  removeOwn(key: string, lease: number): Promise<void>;
}
