/** The options with which `vxlane etcd …` finds its cluster: the properties of the plugin without their module. */
import { etcdOptionsBad, messageOf } from '../../../errors.js';
import {
  DEFAULT_PREFIX,
  type EtcdSettings,
  type SettingName,
  settingsOf,
} from '../../../search/plugins/etcd/settings.js';
import type { Context, Options } from '../../command.js';

const PASSWORD_VARIABLE = 'VXLANE_ETCD_PASSWORD';

export const ETCD_OPTIONS = {
  endpoints: {
    type: 'text',
    what: 'endpoints',
    value: 'URLS',
    required: true,
    help: 'http(s)://HOST:PORT of each member of the cluster, with commas between',
  },
  prefix: {
    type: 'text',
    what: 'prefix',
    value: 'PREFIX',
    default: DEFAULT_PREFIX,
    help: 'what stands before the MAC in every key; ends with "/"',
  },
  ca: {
    type: 'text',
    what: 'CA file',
    value: 'FILE',
    completes: 'file',
    help: 'PEM file of the authority that signed the servers',
  },
  cert: {
    type: 'text',
    what: 'certificate',
    value: 'FILE',
    completes: 'file',
    help: 'PEM file of the client certificate',
  },
  key: { type: 'text', what: 'key', value: 'FILE', completes: 'file', help: 'PEM file of its key' },
  username: { type: 'text', what: 'etcd user', value: 'NAME', help: 'etcd user' },
  password: {
    type: 'text',
    what: 'password',
    value: 'PASSWORD',
    help: `its password; better in the variable ${PASSWORD_VARIABLE}, which other users do not see`,
  },
} as const satisfies Options;

type EtcdArgs = Readonly<Partial<Record<SettingName, string>>>;

/** Throws a VxlaneError of exit status 2 with everything that is wrong. */
export function etcdSettings(args: EtcdArgs, env: Context['env']): EtcdSettings {
  const password = args.password ?? (args.username === undefined ? undefined : env[PASSWORD_VARIABLE] || undefined);
  try {
    return settingsOf({ ...args, password }, (name) => `--${name}`);
  } catch (thrown) {
    throw etcdOptionsBad(messageOf(thrown));
  }
}
