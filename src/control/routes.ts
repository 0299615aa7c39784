/**
 * Every route of the control API, once: the server's routes, the client's methods and docs/openapi.json are made of
 * this table and of the schemas that protocol.ts has for each. Loads no validation library, because every command pays
 * for its start.
 */

/** Longest body of a request, bytes: a client does not begin to send what is not read to its end. */
export const BODY_MAX = 1 << 20;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** `:name`, `:mac` and `:ip` are parameters. */
  readonly path: `/v1/${string}`;
  /** When it is done; 204 has no body. */
  readonly status: 200 | 201 | 204;
  /** One sentence. */
  readonly summary: string;
  /** It changes nothing, and has nothing done: it is also served where `--http` says. */
  readonly isReadOnly?: true;
  /** It changes nothing, but has something asked: where `--http` says it is served so many times a second. */
  readonly isRationed?: true;
  /** Seconds that a client waits for the answer. */
  readonly patience: number;
  /**
   * Codes of its refusals that a program may want to tell apart. Any route may refuse as `bad_request` or
   * `not_permitted`, and one that changes something for whatever reason the machine has.
   */
  readonly refuses: readonly string[];
}

/** Answers come from memory. */
const READ = { method: 'GET', status: 200, isReadOnly: true, patience: 5 } as const;
/** A search plugin may load a million entries before the overlay exists, and may then be asked for as many. */
const CHANGE_PATIENCE = 120;
const CHANGE = { status: 200, patience: CHANGE_PATIENCE } as const;
const CREATE = { method: 'POST', status: 201, patience: CHANGE_PATIENCE } as const;
const SILENT = { status: 204, patience: CHANGE_PATIENCE } as const;

/** Why VNICs cannot be made, one or those of a trunk. */
const NEW_VNIC_REFUSALS = [
  'bad_mac',
  'bad_vnic_mac',
  'no_such_overlay',
  'name_taken',
  'mac_taken',
  'mac_is_target',
  'any_mac_taken',
  'bad_trunk',
  'bad_protection',
  'bad_rate_limit',
  'interface_taken',
  'no_such_interface',
  'netns_missing',
] as const;

export const ROUTES = {
  daemon: { ...READ, path: '/v1/daemon', summary: 'How the daemon itself is.', refuses: [] },
  status: { ...READ, path: '/v1/status', summary: 'One screen: is it well, and what is wrong.', refuses: [] },
  reload: {
    ...CHANGE,
    method: 'POST',
    path: '/v1/reload',
    summary: 'Read the configuration file and whatever plugins read again, as SIGHUP does; answers when that is over.',
    refuses: [],
  },
  replace: {
    ...CHANGE,
    method: 'POST',
    path: '/v1/replace',
    summary: 'Start the daemon that is installed now; answers when that one begins to take the place of this one.',
    refuses: ['successor_failed'],
  },
  handover: {
    ...CHANGE,
    method: 'POST',
    path: '/v1/handover',
    summary: 'Another daemon begins to take the place of this one, which carries frames on and refuses changes.',
    refuses: ['handover_refused'],
  },
  endHandover: {
    ...SILENT,
    patience: 5,
    method: 'POST',
    path: '/v1/handover/end',
    summary: 'The other daemon carries all frames: this one ends when it has sent what it had.',
    refuses: ['handover_refused'],
  },
  setLogLevel: {
    ...SILENT,
    method: 'PUT',
    path: '/v1/log-level',
    summary: "Change the level of the daemon's log until it ends.",
    refuses: [],
  },
  stats: {
    ...READ,
    path: '/v1/stats',
    summary: 'Frames, bytes and drops by reason, of all overlays or of those that are named.',
    refuses: ['no_such_overlay'],
  },
  history: {
    ...READ,
    path: '/v1/history',
    summary: 'What was carried and dropped over the last 15 minutes, every 5 s, by all overlays or by one.',
    refuses: ['no_such_overlay', 'not_loaded'],
  },
  events: {
    ...READ,
    path: '/v1/events',
    summary: 'What happened of late, oldest first; `/v1/events/stream` has it as it happens.',
    refuses: [],
  },
  overlays: { ...READ, path: '/v1/overlays', summary: 'All overlays, by name.', refuses: [] },
  createOverlay: {
    ...CREATE,
    path: '/v1/overlays',
    summary: 'Create an overlay: all or nothing.',
    refuses: [
      'bad_encap',
      'bad_vni',
      'bad_properties',
      'bad_search_path',
      'name_taken',
      'vni_taken',
      'unknown_search_plugin',
      'search_plugin_unusable',
      'plugin_failed',
      'port_in_use',
      'address_not_local',
      'socket_differs',
    ],
  },
  overlay: { ...READ, path: '/v1/overlays/:name', summary: 'One overlay.', refuses: ['no_such_overlay'] },
  modifyOverlay: {
    ...CHANGE,
    method: 'PATCH',
    path: '/v1/overlays/:name',
    summary: 'Change properties of an overlay, or swap its search plugin under traffic.',
    refuses: [
      'bad_modify',
      'bad_properties',
      'no_such_overlay',
      'not_loaded',
      'property_fixed',
      'declared_in_file',
      'unknown_search_plugin',
      'swap_loses_targets',
    ],
  },
  deleteOverlay: {
    ...SILENT,
    method: 'DELETE',
    path: '/v1/overlays/:name',
    summary: 'Delete an overlay that has no VNICs.',
    refuses: ['no_such_overlay', 'overlay_has_vnics', 'declared_in_file'],
  },
  targets: {
    ...READ,
    path: '/v1/overlays/:name/targets',
    summary: 'A page of the targets of an overlay, in an order that stays: where frames to each MAC go.',
    refuses: ['no_such_overlay', 'not_loaded'],
  },
  flushTargets: {
    ...SILENT,
    method: 'DELETE',
    path: '/v1/overlays/:name/targets',
    summary: 'Forget all targets of an overlay that no VNIC and no file holds.',
    refuses: ['no_such_overlay'],
  },
  setTarget: {
    ...SILENT,
    method: 'PUT',
    path: '/v1/overlays/:name/targets/:mac',
    summary: 'Say where frames to a MAC go, whatever the search plugin says.',
    refuses: [
      'bad_destination',
      'bad_target_mac',
      'no_such_overlay',
      'target_is_vnic',
      'targets_of_point',
      'wrong_family',
      'points_to_itself',
      'declared_in_file',
    ],
  },
  deleteTarget: {
    ...SILENT,
    method: 'DELETE',
    path: '/v1/overlays/:name/targets/:mac',
    summary: 'Forget one target.',
    refuses: ['no_such_overlay', 'no_such_target', 'target_is_vnic'],
  },
  moves: {
    ...READ,
    path: '/v1/overlays/:name/moves',
    summary: 'Learned MACs that moved of late, those with the most moves first, 1000 of them at most.',
    refuses: ['no_such_overlay', 'not_loaded'],
  },
  thaw: {
    ...SILENT,
    method: 'DELETE',
    path: '/v1/overlays/:name/moves/:mac',
    summary: 'Let a frozen MAC move again.',
    refuses: ['no_such_overlay', 'no_such_frozen_mac'],
  },
  // Not one that only reads: a search plugin may be asked, and the answer is in the FDB then.
  lookup: {
    method: 'GET',
    status: 200,
    // The daemon gives a search plugin 3 s to answer.
    patience: 10,
    path: '/v1/overlays/:name/lookup/:mac',
    summary: 'Ask where a frame to a MAC goes, as the datapath would.',
    refuses: ['no_such_overlay', 'overlay_not_up', 'not_loaded'],
  },
  // It changes nothing, but a search plugin is asked.
  owner: {
    method: 'GET',
    status: 200,
    patience: 10,
    path: '/v1/overlays/:name/owner/:ip',
    summary: 'Ask the search plugin who has an address inside, as a proxy for ARP or neighbour discovery would.',
    refuses: ['no_such_overlay', 'overlay_not_up', 'not_loaded'],
  },
  // It changes nothing, but frames are sent.
  ping: {
    method: 'POST',
    status: 200,
    // Each step of a search for the largest size may take the time that an answer is waited for, twice.
    patience: 240,
    path: '/v1/overlays/:name/ping',
    summary: 'Ask VTEPs whether they answer on this VNI, how fast, and up to which size.',
    refuses: ['bad_ping', 'no_such_overlay', 'overlay_not_up', 'not_loaded'],
  },
  // It changes nothing, but a search plugin may be asked.
  trace: {
    method: 'POST',
    status: 200,
    patience: 10,
    isRationed: true,
    path: '/v1/overlays/:name/trace',
    summary: 'What would become of a frame, decision by decision; nothing is sent, learned or counted.',
    refuses: ['bad_trace', 'no_such_overlay', 'overlay_not_up', 'not_loaded'],
  },
  vnics: { ...READ, path: '/v1/vnics', summary: 'All VNICs, by name.', refuses: [] },
  createVnic: {
    ...CREATE,
    path: '/v1/vnics',
    summary: 'Create a VNIC and its interface, which is up then.',
    refuses: [...NEW_VNIC_REFUSALS, 'bad_address', 'address_taken'],
  },
  createTrunk: {
    ...CREATE,
    path: '/v1/trunks',
    summary: 'Create the VNICs of a trunk, which share an interface: all of them, or none.',
    refuses: NEW_VNIC_REFUSALS,
  },
  modifyVnic: {
    ...CHANGE,
    method: 'PATCH',
    path: '/v1/vnics/:name',
    summary: 'Change the link protection and the rate limits of a VNIC while frames flow.',
    refuses: ['bad_modify', 'bad_protection', 'bad_rate_limit', 'no_such_vnic', 'declared_in_file'],
  },
  deleteVnic: {
    ...SILENT,
    method: 'DELETE',
    path: '/v1/vnics/:name',
    summary: 'Delete a VNIC and its interface, unless others have that too; of a trunk: all its VNICs.',
    refuses: ['no_such_vnic', 'declared_in_file'],
  },
} as const satisfies Record<string, Route>;

/** Also the name of the client's method, and of the controller's. */
export type RouteName = keyof typeof ROUTES;
