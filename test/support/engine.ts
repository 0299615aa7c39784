/**
 * The engine that tests with real traffic use: io_uring where it is to be had. Where the runner repeats a file with the
 * other one (each-engine.ts), it says so in the environment.
 */
import type { Engine } from '../../src/datapath/loop.js';
import { probeUring } from '../../src/system/uring.js';

const asked = process.env.VXLANE_TEST_ENGINE as Engine | undefined;

/** The other engine has run this file already: what only files with each engine show is left to show. */
export const isRepeated = process.env.VXLANE_TEST_REPEATED === 'yes';

export const ENGINE: Engine = asked ?? (probeUring().ok ? 'uring' : 'mmsg');
