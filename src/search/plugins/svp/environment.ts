/** What is around the plugin: time, chance, names, sockets, its neighbours. Tests have their own. */
import { connect, type Socket } from 'node:net';
import { BroadcastChannel } from 'node:worker_threads';
import { resolveHost } from './resolve.js';

/** A line that all instances of one process share, whatever thread they run in. */
export interface Line {
  /** To everybody but the sender. Plain data only. */
  say(message: unknown): void;
  hear(listener: (message: unknown) => void): void;
  close(): void;
}

export interface SvpEnvironment {
  /** Milliseconds of a clock that never jumps. */
  nowMs(): number;
  /** Calls `action` later, unless the answer is called first. */
  after(ms: number, action: () => void): () => void;
  /** From 0 up to but not 1. */
  random(): number;
  /** Addresses of a host name or the one that `host` is, at least one; rejects with words. */
  resolve(host: string, signal: AbortSignal): Promise<readonly string[]>;
  /** A TCP connection under way. */
  connect(ip: string, port: number): Socket;
  line(name: string): Line;
}

export const REAL_ENVIRONMENT: SvpEnvironment = {
  nowMs: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms).unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
  resolve: (host, signal) => resolveHost(host, signal),
  connect: (ip, port) => connect({ host: ip, port, noDelay: true }),
  line: (name) => {
    const channel = new BroadcastChannel(name);
    channel.unref();
    return {
      say: (message) => channel.postMessage(message),
      hear: (listener) => {
        channel.onmessage = (event) => listener((event as { data: unknown }).data);
      },
      close: () => channel.close(),
    };
  },
};
