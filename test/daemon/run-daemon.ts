/** A program for process.test.ts: runs the daemon with the options that are its argument, as JSON. */
import { runDaemon } from '../../src/daemon/main.js';

await runDaemon(JSON.parse(process.argv[2] ?? ''));
