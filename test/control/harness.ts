/** A real control server on a real Unix socket, over a MemoryController. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '../../src/control/client.js';
import { type ControlServerOptions, startControlServer } from '../../src/control/server.js';
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

/** `access`: who may use it; absent: this user alone, for everything. */
export async function startHarness(access: Pick<ControlServerOptions, 'accessOf' | 'isOpen'> = {}): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-control-'));
  chmodSync(directory, 0o755);
  const socket = join(directory, 'run', 'vxlane.sock');
  const controller = new MemoryController();
  const logged: Harness['logged'] = [];
  const log = { error: (message: string, fields?: object) => void logged.push({ message, fields }) };
  const given = { socket, controller, probes: controller, events: controller.eventLog, log };
  const server = await startControlServer({ ...given, ...access });
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
