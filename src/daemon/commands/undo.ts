/** All or nothing: what has been done so far can be taken back, in reverse order. */
import { messageOf } from '../../errors.js';
import type { PluginLog } from '../../search/api.js';

type Step = () => void | Promise<void>;

/** How to take back each step that succeeded. */
export class UndoStack {
  readonly #steps: { readonly what: string; readonly undo: Step }[] = [];

  /** `what` names the step for the log, should taking it back fail. */
  push(what: string, undo: Step): void {
    this.#steps.push({ what, undo });
  }

  /** Takes everything back, last first. A step that fails is logged and does not stop the others. */
  async unwind(log: PluginLog): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (thrown) {
        log.error(`could not undo: ${step.what}`, { reason: messageOf(thrown) });
      }
    }
  }
}

/** Runs `action`; when it throws, everything it pushed is taken back before the error goes on. */
export async function allOrNothing<T>(log: PluginLog, action: (undo: UndoStack) => Promise<T>): Promise<T> {
  const undo = new UndoStack();
  try {
    return await action(undo);
  } catch (thrown) {
    await undo.unwind(log);
    throw thrown;
  }
}
