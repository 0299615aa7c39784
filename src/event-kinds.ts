/** Every kind of event there is, once: what happened, what its old and new value are. docs/events.md is made of it. */

interface Kind {
  /** A sentence without a full stop. */
  readonly text: string;
  /** What the event is about, as `object` has it. */
  readonly object: 'daemon' | 'worker N' | 'overlay NAME' | 'vnic NAME' | 'mac MAC' | 'endpoint IP';
  /** What `old` and `new` are; absent: null. */
  readonly old?: string;
  readonly new?: string;
  /** What `reason` is; absent: empty. */
  readonly reason?: string;
  /** There may be thousands a second: they have a ring of their own, and push out no others. */
  readonly isFrequent?: true;
}

const search = 'search plugin';
const where = '`IP:PORT`, or `here`';

export const EVENT_KINDS = {
  daemon_started: { text: 'The daemon has started; events before are gone', object: 'daemon', new: 'version' },
  worker_restarted: { text: 'A datapath worker was replaced', object: 'worker N', reason: 'why' },
  configuration_applied: { text: 'The configuration file was put into effect', object: 'daemon', new: 'path' },
  configuration_incomplete: {
    text: 'Some of the configuration file could not be done, and is tried again',
    object: 'daemon',
    new: 'path',
    reason: 'what, and why',
  },
  configuration_refused: {
    text: 'The configuration file is wrong, and the one before stays in effect',
    object: 'daemon',
    new: 'path',
    reason: 'what is wrong with it',
  },
  overlay_created: { text: 'An overlay was created', object: 'overlay NAME', new: search },
  overlay_deleted: { text: 'An overlay was deleted', object: 'overlay NAME', old: search },
  overlay_modified: { text: 'Properties of an overlay were changed', object: 'overlay NAME', reason: 'their names' },
  overlay_status: {
    text: 'An overlay became DEGRADED, or is ONLINE again',
    object: 'overlay NAME',
    old: '`ONLINE` or `DEGRADED`',
    new: 'the other',
    reason: 'why it is DEGRADED',
  },
  plugin_serves: { text: 'A search plugin answers from now on', object: 'overlay NAME', new: search },
  plugin_swapped: { text: 'Another search plugin took over', object: 'overlay NAME', old: search, new: search },
  plugin_died: { text: 'A search plugin ended by itself', object: 'overlay NAME', old: search, reason: 'why' },
  vnic_created: { text: 'A VNIC was created', object: 'vnic NAME', new: 'MAC' },
  vnic_deleted: { text: 'A VNIC was deleted', object: 'vnic NAME', old: 'MAC' },
  vnic_modified: {
    text: 'Addresses, protection or limits of a VNIC were changed',
    object: 'vnic NAME',
    reason: 'their names',
  },
  vnic_status: {
    text: 'Frames flow through a VNIC again, or no more, or something is odd about it',
    object: 'vnic NAME',
    old: '`up`, `odd` or `down`',
    new: 'another of them',
    reason: 'what is wrong',
  },
  vnic_mac: { text: 'A VNIC took the MAC that its interface was given', object: 'vnic NAME', old: 'MAC', new: 'MAC' },
  limit_hit: {
    text: 'Frames of an overlay were dropped for a limit',
    object: 'overlay NAME',
    new: 'how many in the last 5 s',
    reason: 'drop reason',
  },
  endpoint_appeared: { text: 'A VTEP is sent to from now on', object: 'endpoint IP', isFrequent: true },
  endpoint_left: { text: 'A VTEP is sent to no more: no MAC is behind it', object: 'endpoint IP', isFrequent: true },
  endpoint_silent: {
    text: 'A VTEP that was heard is sent to, and neither sends nor answers for the time of `--silent-after`',
    object: 'endpoint IP',
    reason: 'since when, what was tried, and the overlays if there are several',
    isFrequent: true,
  },
  endpoint_answers: {
    text: 'A VTEP that was silent sends or answers again',
    object: 'endpoint IP',
    reason: 'how long it was silent, and the overlays if there are several',
    isFrequent: true,
  },
  mac_learned: { text: 'A MAC was heard for the first time', object: 'mac MAC', new: where, isFrequent: true },
  mac_moved: { text: 'A learned MAC moved', object: 'mac MAC', old: where, new: where, isFrequent: true },
  mac_duplicate: {
    text: 'A MAC moves more often than it may, and is followed',
    object: 'mac MAC',
    isFrequent: true,
  },
  mac_frozen: { text: 'A MAC moves more often than it may, and stays at home', object: 'mac MAC', isFrequent: true },
  mac_thawed: { text: 'An operator let a frozen MAC move again', object: 'mac MAC', isFrequent: true },
} as const satisfies Record<string, Kind>;

export type EventKind = keyof typeof EVENT_KINDS;

/** The same to those who do not know which kind it is. */
export const kindOf = (name: EventKind): Kind => EVENT_KINDS[name];
