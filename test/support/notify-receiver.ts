/** A service manager's end of sd_notify(3): the datagram socket NOTIFY_SOCKET, read when the test wants to. */
import { check } from '../../src/system/errno.js';
import { AF_UNIX, bind, close, read, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, socket } from '../../src/system/libc.js';
import { unixAddressOf } from '../../src/system/unix-datagram.js';

const DATAGRAM_MAX = 4096;

export class NotifyReceiver {
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(DATAGRAM_MAX);

  /** `name`: `/path` or `@abstract`. */
  constructor(readonly name: string) {
    const address = unixAddressOf(name) as Uint8Array;
    this.#fd = check('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    check(`bind ${name}`, bind(this.#fd, address, address.length));
  }

  /** What has come since, a datagram each. */
  take(): string[] {
    const taken: string[] = [];
    for (;;) {
      const length = read(this.#fd, this.#bytes, DATAGRAM_MAX);
      if (length < 0) return taken;
      taken.push(this.#bytes.toString('utf8', 0, length));
    }
  }

  close(): void {
    close(this.#fd);
  }
}
