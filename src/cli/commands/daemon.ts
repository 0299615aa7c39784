import { availableParallelism } from 'node:os';
import type { RunOptions } from '../../daemon/main.js';
import { optionMissing } from '../../errors.js';
import { defineCommand } from '../command.js';
import { parseCpus } from '../cpus.js';

/** As many as the shared memory has areas for. */
const WORKERS_MAX = 16;

export const daemon = defineCommand({
  name: 'daemon',
  sentence: 'Run the daemon in the foreground; it is ready when its socket answers, and SIGTERM ends it.',
  options: {
    'state-dir': {
      type: 'text',
      what: 'state directory',
      value: 'DIR',
      default: '/var/lib/vxlane',
      help: 'where overlays and VNICs are kept over a restart',
    },
    config: {
      type: 'text',
      what: 'configuration file',
      value: 'FILE',
      help: 'overlays and VNICs that are declared; read again on SIGHUP',
    },
    check: { type: 'flag', help: 'say what is wrong with the configuration file, and run no daemon' },
    workers: {
      type: 'integer',
      what: 'number of workers',
      value: 'N',
      range: [1, WORKERS_MAX],
      default: Math.max(1, Math.min(WORKERS_MAX, availableParallelism() >> 1)),
      help: 'datapath threads; by default one for two processors',
    },
    engine: {
      type: 'choice',
      what: 'engine',
      value: 'ENGINE',
      choices: ['auto', 'uring', 'mmsg'],
      default: 'auto',
      help: 'how frames cross the kernel border; auto: uring where it is to be had',
    },
    underlay: {
      type: 'choice',
      what: 'border to the underlay',
      value: 'KIND',
      choices: ['auto', 'tap', 'socket'],
      default: 'auto',
      help: 'sockets alone, or a TAP for super-frames beside them; auto: the TAP where it is to be had',
    },
    'fdb-size': {
      type: 'integer',
      what: 'FDB size',
      value: 'N',
      range: [16, 1 << 24],
      default: 65536,
      help: 'most forwarding entries of all overlays together',
    },
    'busy-poll': {
      type: 'integer',
      what: 'busy-poll time',
      value: 'USEC',
      range: [0, 1000],
      default: 0,
      help: 'microseconds a worker spins before it sleeps',
    },
    cpus: {
      type: 'text',
      what: 'processors',
      value: 'LIST',
      help: 'processors the workers stay on, one each in turn, as in 0,2-5; else they move',
    },
  },
  positionals: {},
  example: 'vxlane daemon --fdb-size 1048576',
  async run(args, { socket, print }) {
    const { checkConfiguration, runDaemon } = await import('../../daemon/main.js');
    if (args.check) {
      if (args.config === undefined) throw optionMissing('configuration file', '--config FILE');
      const { overlays, vnics } = await checkConfiguration(args.config);
      print(`${args.config} is right: overlays: ${overlays}, VNICs: ${vnics}\n`);
      return 0;
    }
    await runDaemon({
      socket,
      stateDir: args['state-dir'],
      fdbSize: args['fdb-size'],
      workers: args.workers,
      engine: args.engine as RunOptions['engine'],
      underlay: args.underlay as RunOptions['underlay'],
      busyPollUs: args['busy-poll'],
      cpus: args.cpus === undefined ? [] : parseCpus(args.cpus),
      config: args.config,
    });
    return 0;
  },
});
