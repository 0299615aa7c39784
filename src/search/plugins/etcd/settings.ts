/** How to reach etcd and where to look in it: the one table of properties, and what their values must be together. */
import type { PropertySpec, PropertyValue } from '../../api.js';
import type { TlsFiles } from '../../grpc/tls.js';

export const DEFAULT_PREFIX = '/vxlane/';

export const PROPERTIES = [
  {
    name: 'etcd/endpoints',
    type: 'string',
    required: true,
    help: 'http(s)://HOST:PORT of each member of the etcd cluster, with commas between',
  },
  {
    name: 'etcd/prefix',
    type: 'string',
    required: false,
    default: DEFAULT_PREFIX,
    help: 'what stands before the MAC in every key of this overlay; ends with "/"',
  },
  { name: 'etcd/ca', type: 'string', required: false, help: 'PEM file of the authority that signed the servers' },
  { name: 'etcd/cert', type: 'string', required: false, help: 'PEM file of the client certificate' },
  { name: 'etcd/key', type: 'string', required: false, help: 'PEM file of the key of etcd/cert' },
  {
    name: 'etcd/register',
    type: 'string',
    required: false,
    default: 'false',
    values: ['true', 'false'],
    help: 'write a key for each MAC that is on this host, and take it back when it goes',
  },
  {
    name: 'etcd/vtep',
    type: 'ip',
    required: false,
    help: 'address that such keys say, where the listen address is 0.0.0.0 or ::',
  },
  {
    name: 'etcd/lease',
    type: 'uint',
    required: false,
    default: 60,
    range: [5, 86_400],
    help: 'seconds after which such keys go when this host has not been heard of',
  },
  {
    name: 'etcd/ageing',
    type: 'uint',
    required: false,
    default: 300,
    range: [1, 86_400],
    help: 'seconds of silence after which a MAC behind a VNIC loses such a key',
  },
  { name: 'etcd/username', type: 'string', required: false, help: 'etcd user' },
  { name: 'etcd/password', type: 'secret', required: false, help: 'password of etcd/username' },
] as const satisfies readonly PropertySpec[];

type PropertyName = (typeof PROPERTIES)[number]['name'];
/** What a value is called without its module: `endpoints`, `ca`, … */
export type SettingName = PropertyName extends `etcd/${infer Name}` ? Name : never;

export interface EtcdEndpoint {
  /** As the operator reads it: `https://10.0.0.1:2379`. */
  readonly text: string;
  readonly isTls: boolean;
}

export interface EtcdSettings {
  readonly endpoints: readonly EtcdEndpoint[];
  readonly prefix: string;
  readonly tls: TlsFiles;
  readonly user: { readonly name: string; readonly password: string } | null;
}

/**
 * Throws one Error with everything that is wrong. `nameOf` is how the user gave a value: `etcd/ca`, or `--ca` on the
 * command line.
 */
export function settingsOf(
  values: Readonly<Partial<Record<SettingName, PropertyValue>>>,
  nameOf: (name: SettingName) => string,
): EtcdSettings {
  const text = (name: SettingName) => (values[name] === undefined ? undefined : String(values[name]));
  const problems: string[] = [];
  const endpoints = endpointsOf(text('endpoints') ?? '', nameOf('endpoints'), problems);
  const prefix = text('prefix') ?? DEFAULT_PREFIX;
  if (!prefix.endsWith('/')) {
    problems.push(`${nameOf('prefix')} is ${JSON.stringify(prefix)}: expected "/" at its end, before the MAC`);
  }
  const needs = (name: SettingName, other: SettingName) => {
    if (text(name) !== undefined && text(other) === undefined) {
      problems.push(`${nameOf(name)} needs ${nameOf(other)}`);
    }
  };
  needs('cert', 'key');
  needs('key', 'cert');
  needs('username', 'password');
  needs('password', 'username');
  const given = (['ca', 'cert', 'key'] as const).filter((name) => text(name) !== undefined);
  if (given.length > 0 && endpoints.length > 0 && !endpoints.some(({ isTls }) => isTls)) {
    problems.push(`${given.map(nameOf).join(', ')} given, but no endpoint begins with https://`);
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
  const tls = Object.fromEntries(given.map((name) => [name, text(name)])) as TlsFiles;
  const name = text('username');
  return { endpoints, prefix, tls, user: name === undefined ? null : { name, password: text('password') as string } };
}

function endpointsOf(text: string, name: string, problems: string[]): EtcdEndpoint[] {
  const endpoints: EtcdEndpoint[] = [];
  for (const each of text.split(',').map((part) => part.trim())) {
    const endpoint = endpointOf(each);
    if (endpoint !== null) endpoints.push(endpoint);
    else
      problems.push(`${name}: ${JSON.stringify(each)} is no endpoint: expected http://HOST:PORT or https://HOST:PORT`);
  }
  return endpoints;
}

function endpointOf(text: string): EtcdEndpoint | null {
  const [, scheme, port] = /^(https?):\/\/(?:\[[0-9a-f:.]+\]|[\w.-]+):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (scheme === undefined || Number(port) < 1 || Number(port) > 65535) return null;
  return { text: text.replace(/\/$/, ''), isTls: scheme.toLowerCase() === 'https' };
}
