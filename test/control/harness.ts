/** A real control server on a real Unix socket, over a MemoryController. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '../../src/control/client.js';
import { startControlServer } from '../../src/control/server.js';
import { MemoryController } from './memory-controller.js';

export interface Harness extends AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly controller: MemoryController;
  readonly client: Client;
  /** What the server logged as errors. */
  readonly logged: { message: string; fields?: object }[];
  close(): Promise<void>;
}

export async function startHarness(): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-control-'));
  const socket = join(directory, 'run', 'vxlane.sock');
  const controller = new MemoryController();
  const logged: Harness['logged'] = [];
  const log = { error: (message: string, fields?: object) => void logged.push({ message, fields }) };
  const server = await startControlServer({ socket, controller, probes: controller, events: controller.eventLog, log });
  const close = async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  };
  return {
    directory,
    socket,
    controller,
    client: createClient(socket),
    logged,
    close,
    [Symbol.asyncDispose]: close,
  };
}
