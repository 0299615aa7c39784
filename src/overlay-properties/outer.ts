/** The properties of an overlay's outer headers: see {@link OuterHeader} and docs/outer-header.md. */
import { DEFAULT_OUTER, type OuterHeader } from '../outer-header.js';
import type { PropertySpec, PropertyValue } from '../search/api.js';

export const OUTER_PROPERTIES: readonly PropertySpec[] = [
  {
    name: 'vxlan/ecn',
    type: 'string',
    required: false,
    default: DEFAULT_OUTER.ecn,
    values: ['normal', 'compatible', 'off'],
    mutable: true,
    help: 'congestion marks: normal: out of the packet and back in (RFC 6040); compatible: only in; off: neither',
  },
  {
    name: 'vxlan/dscp',
    type: 'uint',
    required: false,
    default: DEFAULT_OUTER.dscp,
    range: [0, 63],
    values: ['inherit'],
    mutable: true,
    help: 'DSCP of the outer header; inherit: that of the packet inside',
  },
  {
    name: 'vxlan/ttl',
    type: 'uint',
    required: false,
    default: DEFAULT_OUTER.ttl,
    range: [1, 255],
    values: ['inherit'],
    mutable: true,
    help: 'TTL or hop limit of the outer header, but to multicast groups; inherit: that of the packet inside',
  },
  {
    name: 'vxlan/df',
    type: 'string',
    required: false,
    default: DEFAULT_OUTER.df,
    values: ['set', 'unset', 'inherit'],
    mutable: true,
    help: 'DF of the outer header; unset: what does not fit its path is fragmented; inherit: that of the packet inside',
  },
  {
    name: 'vxlan/fragments',
    type: 'string',
    required: false,
    default: DEFAULT_OUTER.fragments,
    values: ['accept', 'drop'],
    mutable: true,
    help: 'datagrams that arrive in fragments',
  },
];

/** Their values, parsed, by their names in the tables, as settings. */
export function outerOf(values: Readonly<Record<string, PropertyValue>>): OuterHeader {
  return {
    ecn: values['vxlan/ecn'] as OuterHeader['ecn'],
    dscp: values['vxlan/dscp'] as OuterHeader['dscp'],
    ttl: values['vxlan/ttl'] as OuterHeader['ttl'],
    df: values['vxlan/df'] as OuterHeader['df'],
    fragments: values['vxlan/fragments'] as OuterHeader['fragments'],
  };
}
