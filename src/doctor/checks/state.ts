/** What is kept over a restart. */
import type { Check } from '../check.js';
import { known } from '../finding.js';

export const stateChecks: readonly Check[] = [
  {
    name: 'state-damaged',
    looksFor: 'a file of the state directory cannot be used',
    severity: 'fault',
    why: 'Its overlay or VNIC is not there after the next start, or is not there now.',
    find({ state }) {
      return known(state).damaged.map(({ path, object, reason }) => ({
        object,
        found: `${path}: ${reason}`,
        mend: `restore ${path} from a backup, then vxlane reload`,
      }));
    },
  },
  {
    name: 'state-clock',
    looksFor: 'a file of the state directory is from the future',
    severity: 'warning',
    why: 'The clock of this host was, or is, wrong: logs, events and times to live mislead.',
    find({ state }) {
      const files = known(state).fromTheFuture;
      if (files[0] === undefined) return [];
      const more = files.length === 1 ? '' : `, and ${files.length - 1} more`;
      const found = `${files[0].path} was written ${files[0].seconds} s later than it is now${more}`;
      return [{ object: 'host', found, mend: 'timedatectl status' }];
    },
  },
  {
    name: 'state-held',
    looksFor: 'another process than the daemon that answers holds the state directory',
    severity: 'warning',
    why: 'What the daemon that has the directory keeps and what commands change are two worlds.',
    find({ state, daemon, noDaemon, processes, socket }) {
      const { lockHolder, directory } = known(state);
      const silent = 'value' in processes ? processes.value.find((each) => each.socket === socket) : undefined;
      if (noDaemon !== null && lockHolder === silent?.pid) return [];
      const pid = noDaemon === null ? known(daemon).status.daemon.pid : null;
      if (lockHolder === null || lockHolder === pid) return [];
      const found = `${directory} is locked by pid ${lockHolder}${pid === null ? '' : `, and pid ${pid} answers`}`;
      return [{ object: 'daemon', found, mend: `ps -fp ${lockHolder}` }];
    },
  },
  {
    name: 'state-forgotten',
    looksFor: 'the default state directory has overlays, and another one is used',
    severity: 'warning',
    why: 'What was created with the one is not there with the other.',
    find({ state }) {
      const { forgotten, directory } = known(state);
      if (forgotten === null) return [];
      const { overlays } = forgotten;
      const found = `${directory} is used, and ${forgotten.directory} has ${overlays} overlays that no daemon has`;
      return [
        { object: 'host', found, mend: `vxlane daemon --state-dir ${forgotten.directory}, or remove that directory` },
      ];
    },
  },
];
