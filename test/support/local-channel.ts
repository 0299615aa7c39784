/** A plugin instance in the test's own thread: the same messages, and nothing between them. */
import type { Plugin } from '../../src/search/api.js';
import type { OpenChannel } from '../../src/search/host/channel.js';
import { InstanceSide } from '../../src/search/host/instance-side.js';

export interface LocalChannels {
  readonly open: OpenChannel;
  /** Ends the instance as a thread may end. */
  end(reason: string): void;
}

export function localChannels(plugin: Plugin): LocalChannels {
  let end = (_reason: string) => {};
  let isClosed = false;
  return {
    open(listener) {
      end = (reason) => listener.ended(reason, 0);
      const side = new InstanceSide(
        () => plugin,
        (said) => {
          if (!isClosed) listener.said([said]);
        },
      );
      return {
        place: { kind: 'thread', instances: 1 },
        send(message) {
          if (message.kind === 'ask') void side.ask(message);
        },
        watch() {},
        async close() {
          isClosed = true;
        },
      };
    },
    end: (reason) => end(reason),
  };
}
