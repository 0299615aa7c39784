/** A program for process.test.ts: runs the daemon with the options that are its argument, as JSON. */
import { Program } from '../../src/daemon/program.js';

const options = JSON.parse(process.argv[2] ?? '');
await new Program(options.stateDir).run().runDaemon(options);
