/** The engine that tests with real traffic use: the runner runs them once with each. */
import type { Engine } from '../../src/datapath/loop.js';

export const ENGINE: Engine = process.env.VXLANE_TEST_ENGINE === 'mmsg' ? 'mmsg' : 'uring';
