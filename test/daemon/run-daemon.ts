/** A program for process.test.ts: runs the daemon with the options that are its argument, as JSON. */
import { BegunThread } from '../../src/begun-thread.js';
import { Program } from '../../src/daemon/program.js';
import { beginWorker } from '../../src/datapath/begin.js';
import { until } from '../support/until.js';

const { begins, ...options } = JSON.parse(process.argv[2] ?? '');
const begin = () => (begins === undefined ? beginWorker() : new BegunThread(new URL(begins)));
const begun = Array.from({ length: options.workers }, begin);
if (begins !== undefined) await until(() => begun.every(({ failure }) => failure !== null));
await new Program(options.stateDir).run().runDaemon({ ...options, begun });
