/** The daemon itself: does it answer, is it alone, does it stay up. */
import type { Check } from '../check.js';
import { known } from '../finding.js';

export const daemonChecks: readonly Check[] = [
  {
    name: 'daemon-absent',
    looksFor: 'no daemon answers on the control socket',
    severity: 'fault',
    why: 'Without it no frame is carried; the interfaces of VNICs are there, and have no carrier.',
    find({ noDaemon, processes, socket }) {
      if (noDaemon === null || noDaemon.code === 'daemon_not_permitted') return [];
      const all = 'value' in processes ? processes.value : [];
      const silent = all.find((each) => each.socket === socket);
      const others = all.filter((each) => each !== silent);
      const said = [
        noDaemon.message,
        ...(silent === undefined ? [] : [`pid ${silent.pid} was to have the socket`]),
        ...others.map((other) => `pid ${other.pid} has the socket ${other.socket}`),
      ];
      const isElsewhere = silent === undefined && others[0] !== undefined;
      const mend = isElsewhere ? `vxlane doctor --socket ${others[0]?.socket}` : 'systemctl restart vxlane';
      return [{ object: 'daemon', found: said.join('; '), mend }];
    },
  },
  {
    name: 'two-daemons',
    looksFor: 'more than one daemon runs in the same network namespace, or another holds the state directory',
    severity: 'warning',
    why: 'Two daemons want the same ports and interfaces, and commands reach but the one that has the socket.',
    find({ daemon, processes }) {
      const { pid } = known(daemon).status.daemon;
      return known(processes)
        .filter((other) => other.pid !== pid)
        .map((other) => ({
          object: 'daemon',
          found:
            `beside pid ${pid}, pid ${other.pid} is a vxlane daemon (socket ${other.socket}, ` +
            `state in ${other.stateDir})`,
          mend: `kill ${other.pid}`,
        }));
    },
  },
  {
    name: 'configuration-not-applied',
    looksFor: 'the configuration file was refused, or some of it could not be done',
    severity: 'fault',
    why: 'What runs is not what the file says: a restart, or another host with the same file, behaves otherwise.',
    find({ daemon }) {
      const { configuration } = known(daemon).status.daemon;
      if (configuration === null || configuration.status === 'applied') return [];
      const { file, status, details } = configuration;
      const mend = status === 'refused' ? `vxlane daemon --config ${file} --check` : 'vxlane reload';
      return [{ object: 'daemon', found: `${file} is ${status}: ${details.join('; ')}`, mend }];
    },
  },
  {
    name: 'workers-restarted',
    looksFor: 'a datapath worker had to be replaced',
    severity: 'warning',
    why: 'Frames under way in it were lost, and it never happens without a bug.',
    find({ daemon }) {
      const { workerRestarts } = known(daemon).status.daemon;
      if (workerRestarts === 0) return [];
      return [
        {
          object: 'daemon',
          found: `workers were restarted ${workerRestarts} times`,
          mend: 'vxlane events; then report it',
        },
      ];
    },
  },
];
