/** A command that looks more than once, held up between its looks. */
import { connect, createServer } from 'node:net';

/** A control socket in front of a daemon's: the first connection passes, all others wait. */
export class Gate {
  readonly socket: string;
  waiting = 0;
  #pass = () => {};
  readonly #passed = new Promise<void>((resolve) => {
    this.#pass = resolve;
  });
  #connections = 0;
  readonly #server;

  static async open(path: string, behind: string): Promise<Gate> {
    const gate = new Gate(path, behind);
    await new Promise<void>((resolve) => gate.#server.listen(path, resolve));
    return gate;
  }

  private constructor(path: string, behind: string) {
    this.socket = path;
    this.#server = createServer(async (client) => {
      client.on('error', () => {});
      if (++this.#connections > 1) {
        this.waiting += 1;
        await this.#passed;
      }
      const daemon = connect(behind).on('error', () => client.destroy());
      client.pipe(daemon).pipe(client);
    });
  }

  pass(): void {
    this.#pass();
  }

  close(): void {
    this.#pass();
    this.#server.close();
  }
}
