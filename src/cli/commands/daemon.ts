import { availableParallelism } from 'node:os';
import type { RunOptions } from '../../daemon/main.js';
import { optionMissing } from '../../errors.js';
import { defineCommand } from '../command.js';
import { parseCpus } from '../cpus.js';
import { parseHttpAddress } from '../http-address.js';

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
      completes: 'file',
      default: '/var/lib/vxlane',
      help: 'where overlays and VNICs are kept over a restart',
    },
    config: {
      type: 'text',
      what: 'configuration file',
      value: 'FILE',
      completes: 'file',
      help: 'overlays and VNICs that are declared; read again by vxlane reload',
    },
    check: { type: 'flag', help: 'say what is wrong with the configuration file, and run no daemon' },
    deep: {
      type: 'flag',
      help: 'with --check: also what the file points to; starts its search plugins, and stops them',
    },
    replace: {
      type: 'flag',
      help: 'take the place of the running daemon, as after an upgrade; no frame is lost',
    },
    workers: {
      type: 'integer',
      what: 'number of workers',
      value: 'N',
      range: [1, WORKERS_MAX],
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
    'silent-after': {
      type: 'integer',
      what: 'time of silence',
      value: 'SECONDS',
      range: [0, 86_400],
      default: 60,
      help: 'a VTEP that is sent to and not heard for so long is asked, and else told of as silent; 0: never',
    },
    user: {
      type: 'text',
      what: 'user',
      value: 'USER',
      help: 'name or number of the user that the daemon becomes, with few capabilities, when root starts it',
    },
    capabilities: {
      type: 'text',
      what: 'capabilities',
      value: 'LIST',
      help: 'with --user: what it keeps; by default net_admin,net_raw,bpf. sys_admin is for VNICs in namespaces',
    },
    group: {
      type: 'text',
      what: 'group',
      value: 'GROUP',
      help: 'name or number of the group that may use the control socket; by default the group of the daemon',
    },
    'read-group': {
      type: 'text',
      what: 'group',
      value: 'GROUP',
      help: 'name or number of the group that may look by the control socket, and change nothing; by default none',
    },
    cpus: {
      type: 'text',
      what: 'processors',
      value: 'LIST',
      help: 'processors the workers stay on, one each in turn, as in 0,2-5; else they move',
    },
    http: {
      type: 'text',
      what: 'HTTP address',
      value: 'ADDR:PORT',
      help: 'where metrics, and what else only reads, are served as well',
    },
    'http-token-file': {
      type: 'text',
      what: 'token file',
      value: 'FILE',
      completes: 'file',
      help: 'what clients of --http have to show; only the loopback is served without',
    },
  },
  positionals: {},
  example: 'vxlane daemon --fdb-size 1048576',
  async run(args, { socket, print }) {
    if (args.capabilities !== undefined && args.user === undefined) throw optionMissing('user', '--user USER');
    if (args.user !== undefined) {
      // Before what the daemon is made of is loaded: that is done again by what this process becomes.
      const { becomeUser, parseCapabilities } = await import('../../daemon/user.js');
      const capabilities = args.capabilities === undefined ? null : parseCapabilities(args.capabilities);
      becomeUser(args.user, capabilities, args.check ? null : { stateDir: args['state-dir'], socket });
    }
    if (args.deep && !args.check) throw optionMissing('check', '--check --deep --config FILE');
    const workers = args.workers ?? Math.max(1, Math.min(WORKERS_MAX, availableParallelism() >> 1));
    const { beginWorker } = await import('../../datapath/begin.js');
    // Beside them the program is loaded.
    const begun = Array.from({ length: args.check ? 0 : workers }, beginWorker);
    const { Program } = await import('../../daemon/program.js');
    const program = new Program(args['state-dir']);
    const { checkConfiguration, runDaemon } = program.run();
    if (args.check) {
      if (args.config === undefined) throw optionMissing('configuration file', '--config FILE');
      const { overlays, vnics } = await checkConfiguration(args.config, args.deep);
      print(`${args.config} is right: overlays: ${overlays}, VNICs: ${vnics}\n`);
      return 0;
    }
    await runDaemon({
      socket,
      group: args.group,
      readGroup: args['read-group'],
      stateDir: args['state-dir'],
      fdbSize: args['fdb-size'],
      workers,
      begun,
      engine: args.engine as RunOptions['engine'],
      underlay: args.underlay as RunOptions['underlay'],
      busyPollUs: args['busy-poll'],
      silentAfterMs: args['silent-after'] * 1000,
      cpus: args.cpus === undefined ? [] : parseCpus(args.cpus),
      config: args.config,
      http: args.http === undefined ? undefined : parseHttpAddress(args.http),
      httpTokenFile: args['http-token-file'],
      replaces: args.replace,
      onReady: (hasVnics) => program.keep(hasVnics),
    });
    return 0;
  },
});
