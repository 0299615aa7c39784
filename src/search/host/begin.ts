/** How a thread of plugin instances begins; what it is to serve it is told in messages (thread.ts). */
import { BegunThread } from '../../begun-thread.js';

/**
 * V8 ends the process, not the thread, when one allocation does not fit below its limit: a Map's table that doubles, a
 * long text that is split. So that limit is this much above ours, which thread.ts looks after.
 */
const HEAP_ROOM_MIB = 1024;

/** `memoryMiB`: what the plugins in it may use. */
export class BegunPluginThread extends BegunThread {
  constructor(readonly memoryMiB: number) {
    super(new URL('../../bundle/entry.cjs', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: memoryMiB + HEAP_ROOM_MIB },
      stdout: true,
      stderr: true,
    });
  }
}
