import type { Core, Output } from './core.js';

/** Turns until every VNIC has its copies. */
export function turnsOfCopies(core: Core): Output[] {
  const outputs: Output[] = [];
  while (core.module.isReplicating()) {
    for (const output of core.turn()) outputs.push(output);
  }
  return outputs;
}
