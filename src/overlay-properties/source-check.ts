/** The properties that say from whom an overlay takes datagrams. */
import { ipFamily, isMulticast, parseIp } from '../address.js';
import { badSourceAllow } from '../errors.js';
import type { Flood, PropertySpec, PropertyValue } from '../search/api.js';

export type SourceCheckMode = 'vtep' | 'fdb' | 'off';

/** Bytes: some hundred addresses. */
const ALLOW_BYTES_MAX = 16_384;

/** No addresses, as a property cannot be empty. */
const NONE = 'none';

export const SOURCE_CHECK = 'source-check';
export const SOURCE_ALLOW = 'source-allow';

/** The mode has no default here: that depends on the search plugin, see {@link sourceCheckMode}. */
export const SOURCE_PROPERTIES: readonly PropertySpec[] = [
  {
    name: SOURCE_CHECK,
    type: 'string',
    required: false,
    values: ['vtep', 'fdb', 'off'],
    mutable: true,
    help: 'who may send: vtep: VTEPs that are known; fdb: those, and MACs that live there; off: anybody',
  },
  {
    name: SOURCE_ALLOW,
    type: 'string',
    required: false,
    maxBytes: ALLOW_BYTES_MAX,
    mutable: true,
    help: 'addresses of further VTEPs that may send, with commas between; none: no others',
  },
];

export interface SourceSettings {
  /** null: what fits the search plugin. */
  readonly sourceCheck: SourceCheckMode | null;
  /** Canonical. */
  readonly sourceAllow: readonly string[];
}

/** Of parsed values. A VxlaneError when an address is none, or none that could send to `listenIp`. */
export function sourceSettingsOf(values: Readonly<Record<string, PropertyValue>>, listenIp: string): SourceSettings {
  const text = String(values[SOURCE_ALLOW] ?? NONE);
  const texts = text === NONE ? [] : text.split(',');
  return {
    sourceCheck: (values[SOURCE_CHECK] as SourceCheckMode | undefined) ?? null,
    sourceAllow: texts.map((each) => allowed(each.trim(), listenIp)),
  };
}

function allowed(text: string, listenIp: string): string {
  const ip = parseIp(text);
  const family = ipFamily(listenIp);
  if (ip === null || isMulticast(ip) || ipFamily(ip) !== family) throw badSourceAllow(text, family);
  return ip;
}

/**
 * Who may send to an overlay of these settings, whose search plugin floods to `flood` (null: it does not). By default a
 * known VTEP, unless a multicast group is flooded to: whoever is in it need not be in any list.
 */
export function sourceCheckMode({ sourceCheck }: SourceSettings, flood: Flood | null): SourceCheckMode {
  return sourceCheck ?? defaultSourceCheck(flood);
}

export function defaultSourceCheck(flood: Flood | null): 'vtep' | 'off' {
  return flood?.endpoints.some(({ ip }) => isMulticast(ip)) ? 'off' : 'vtep';
}
