/** Every command, in the order of --help. */
import type { Command } from '../command.js';
import { bench } from './bench.js';
import { createOverlay } from './create-overlay.js';
import { createVnic } from './create-vnic.js';
import { daemon } from './daemon.js';
import { deleteOverlay } from './delete-overlay.js';
import { deleteVnic } from './delete-vnic.js';
import { demo } from './demo.js';
import { lookup } from './lookup.js';
import { modifyOverlay } from './modify-overlay.js';
import { showOverlay } from './show-overlay.js';
import { showStats } from './show-stats.js';
import { showVnic } from './show-vnic.js';

export const COMMANDS: readonly Command[] = [
  daemon,
  createOverlay,
  modifyOverlay,
  showOverlay,
  deleteOverlay,
  createVnic,
  deleteVnic,
  showVnic,
  showStats,
  lookup,
  demo,
  bench,
];
