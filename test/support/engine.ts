/**
 * The engine that tests with real traffic use. The runner runs every file that imports this, directly or not, once with
 * each; by itself a file runs with io_uring where it is to be had.
 */
import type { Engine } from '../../src/datapath/loop.js';
import { probeUring } from '../../src/system/uring.js';

const asked = process.env.VXLANE_TEST_ENGINE as Engine | undefined;

export const ENGINE: Engine = asked ?? (probeUring().ok ? 'uring' : 'mmsg');
