/** How a thread of plugin instances begins; what it is to serve it is told in messages (thread.ts). */
import { BegunThread } from '../../begun-thread.js';

/** MiB that a plugin may use where nobody says how much. */
export const MEMORY_MIB_DEFAULT = 1024;
/**
 * V8 ends the process, not the thread, when one allocation does not fit below its limit: a Map's table that doubles, a
 * long text that is split. So that limit is this much above ours, which thread.ts looks after.
 */
const HEAP_ROOM_MIB = 1024;

export function beginPluginThread(memoryMiB = MEMORY_MIB_DEFAULT): BegunThread {
  return new BegunThread(new URL('../../bundle/entry.cjs', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memoryMiB + HEAP_ROOM_MIB },
    stdout: true,
    stderr: true,
  });
}
