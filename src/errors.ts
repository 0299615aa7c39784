import { constants as osConstants } from 'node:os';

/**
 * Every error an operator can meet: one function a message, each with a stable code.
 *
 * A `VxlaneError` is expected: it prints as one line that says what, where, and what would be right, and ends the
 * command with `exitCode`. Anything else that is thrown is a bug and prints its stack.
 */
export class VxlaneError extends Error {
  /** Stable, machine-readable name, e.g. `overlay_exists`. */
  readonly code: string;
  /** 1 refused, 2 usage, 4 no daemon answers. */
  readonly exitCode: 1 | 2 | 4;

  constructor(code: string, message: string, options: { exitCode?: 1 | 2 | 4; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'VxlaneError';
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The text of anything thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll('\n', ' ');
}

// ---- system ----------------------------------------------------------------------------------------------------

/** A system call that failed: `what` names the call and its object, `errno` is positive. */
export class SystemError extends VxlaneError {
  readonly errno: number;
  /** `ENOENT`, `EPERM`, … */
  readonly errnoName: string;

  constructor(what: string, errno: number, errnoName: string, description: string, code = 'system_call_failed') {
    super(code, `${what}: ${description} (${errnoName})`);
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** A refusal of the kernel that we can explain better than strerror. */
function refused(code: string, what: string, name: keyof typeof osConstants.errno, description: string): SystemError {
  return new SystemError(what, osConstants.errno[name], name, description, code);
}

const inNetns = (netns: string | null): string => (netns === null ? '' : ` in network namespace ${netns}`);

export const libcMissing = (cause: unknown) =>
  new VxlaneError('libc_missing', `cannot load libc.so.6 (${messageOf(cause)}): vxlane needs Linux with glibc`, {
    cause,
  });

export const tunMissing = () =>
  refused('tun_missing', 'open /dev/net/tun', 'ENOENT', 'this kernel offers no TAP interfaces; try: modprobe tun');

/** At the start of a daemon that has VNICs; `obstacles`: a phrase each. */
export const tapsImpossible = (vnics: number, obstacles: readonly string[]) =>
  new VxlaneError(
    'taps_impossible',
    `the interfaces of ${vnics} VNIC${vnics === 1 ? '' : 's'} cannot be made: ${obstacles.join('; ')}`,
  );

/** `obstacles`: what is known to stand against it, a phrase each. */
export const tunNotPermitted = (name: string, netns: string | null, obstacles: readonly string[]) =>
  refused(
    'tun_not_permitted',
    `interface ${name}${inNetns(netns)}`,
    'EPERM',
    obstacles.join('; ') || 'creating or attaching a TAP needs root (CAP_NET_ADMIN)',
  );

export const interfaceNameInvalid = (name: string) =>
  new VxlaneError(
    'interface_name_invalid',
    `${JSON.stringify(name)} is not an interface name: 1 to 15 bytes without spaces, "/", ":" or "%"`,
  );

/** `holder`: the process, when it could be found. */
export const interfaceBusy = (name: string, netns: string | null, holder: string | null) =>
  refused(
    'interface_busy',
    `interface ${name}${inNetns(netns)}`,
    'EBUSY',
    `${holder ?? 'another process'} holds this TAP; stop it or choose another name`,
  );

/** `kind`: what the interface is instead. */
export const interfaceNotTap = (name: string, netns: string | null, kind: string) =>
  refused(
    'interface_not_tap',
    `interface ${name}${inNetns(netns)}`,
    'EEXIST',
    `the name is taken by ${kind}, not a TAP that could be attached; remove it or choose another name`,
  );

export const mtuRefused = (name: string, mtu: number) =>
  refused('mtu_refused', `interface ${name}`, 'EINVAL', `the kernel does not take ${mtu} as MTU`);

export const netnsNameInvalid = (netns: string) =>
  new VxlaneError(
    'netns_name_invalid',
    `${JSON.stringify(netns)} is neither the name of a network namespace (see: ip netns list) nor an absolute path`,
  );

export const netnsMissing = (netns: string, path: string) =>
  refused('netns_missing', `network namespace ${netns}`, 'ENOENT', `${path} does not exist; try: ip netns add`);

export const netnsNotOne = (netns: string, path: string) =>
  refused('netns_not_one', `network namespace ${netns}`, 'EINVAL', `${path} is not a network namespace`);

export const netnsNotPermitted = (netns: string) =>
  refused('netns_not_permitted', `network namespace ${netns}`, 'EPERM', 'entering it needs root (CAP_SYS_ADMIN)');

/** `holder`: the process, or the kernel, when it could be found. */
export const uringRefused = (reason: string) =>
  new VxlaneError('uring_refused', `--engine uring: ${reason}; --engine auto falls back to mmsg`);
export const underlayTapRefused = (reason: string) =>
  new VxlaneError('underlay_tap_refused', `--underlay tap: ${reason}; --underlay auto falls back to sockets`);
export const cpuRefused = (cpu: number, allowed: readonly number[]) =>
  new VxlaneError('cpu_refused', `--cpus ${cpu}: this process may run on processors ${allowed.join(', ')}`);
export const noSuchUser = (user: string) =>
  new VxlaneError('no_such_user', `no such user: ${user}; --user wants one of "getent passwd", or a number`);
export const userNotToBeHad = (user: string, reason: string) =>
  new VxlaneError('user_refused', `--user ${user}: ${reason}`);
export const noSuchGroup = (group: string) =>
  new VxlaneError('no_such_group', `no such group: ${group}; --group wants one of "getent group", or a number`);
export const socketDiffers = (listen: string, property: string, ours: string, theirs: string) =>
  new VxlaneError(
    'socket_differs',
    `${property}=${ours}: another overlay listens on ${listen} with ${theirs}; overlays that share a socket must agree`,
  );
/** Overlays of two encapsulations on one port: nothing tells their datagrams apart. */
export const encapDiffers = (listen: string, ours: string, theirs: string) =>
  new VxlaneError(
    'encap_differs',
    `encapsulation ${ours}: another overlay listens on ${listen} with ${theirs}; choose another ${ours}/listen_port`,
  );

export const portInUse = (endpoint: string, holder: string | null) =>
  refused(
    'port_in_use',
    `listen on ${endpoint}/udp`,
    'EADDRINUSE',
    `the port is held by ${holder ?? 'something that cannot be seen from here'}`,
  );

/** `port`: 0: that of an encapsulation without. */
export const addressNotLocal = (ip: string, port: number) =>
  refused(
    'address_not_local',
    port === 0 ? 'listen for GRE' : `listen on port ${port}/udp`,
    'EADDRNOTAVAIL',
    `no interface here has address ${ip}`,
  );

export const rawSocketRefused = (listen: string) =>
  refused('raw_socket_refused', `listen for GRE on ${listen}`, 'EPERM', 'raw sockets need the capability CAP_NET_RAW');

export const noUnderlayDevice = (device: string) =>
  refused(
    'no_underlay_device',
    `underlay_dev is ${device}`,
    'ENODEV',
    'no interface here has that name; make it, or name another',
  );

/** `had` of the `wanted` source ports could be bound. */
export const sourcePortsTaken = (ip: string, had: number, wanted: number) =>
  refused(
    'source_ports_taken',
    `source ports of ${ip}`,
    'EADDRINUSE',
    `${had} of ${wanted} found, all others from 49152 to 65535 are taken; ask for fewer`,
  );

// ---- demo ------------------------------------------------------------------------------------------------------

/** The laboratory makes network namespaces and TAPs. */
export function needsRoot(what: string): VxlaneError {
  return new VxlaneError('needs_root', `${what} makes network namespaces and TAP interfaces: run it as root`);
}

export function noTunDevice(): VxlaneError {
  return new VxlaneError('no_tun_device', 'no /dev/net/tun on this machine: load the kernel module (modprobe tun)');
}

/** `packages` are Debian's names, for those who have apt-get but did not let us use it. */
export function toolsMissing(tools: readonly string[], packages: readonly string[]): VxlaneError {
  const names = [...new Set(packages)].join(' ');
  return new VxlaneError('tools_missing', `not installed: ${tools.join(', ')} (Debian: apt-get install ${names})`);
}

/** A command of the laboratory that should have worked; `output` is what it printed. */
export function commandFailed(argv: readonly string[], reason: string, output: string): VxlaneError {
  const said = output.trim() === '' ? 'it printed nothing' : output.trim().replaceAll('\n', ' | ');
  return new VxlaneError('command_failed', `"${argv.join(' ')}" ${reason}: ${said}`);
}

export function daemonNotReady(host: string, reason: string, logFile: string): VxlaneError {
  return new VxlaneError('daemon_not_ready', `the daemon of ${host} ${reason}; its log is ${logFile}`);
}

// ---- control ---------------------------------------------------------------------------------------------------
// The control API derives the HTTP status from the code: `no_such_…` is 404, `bad_…` is 400, all others are 409.

export const noSuchOverlay = (name: string) => new VxlaneError('no_such_overlay', `no such overlay: ${name}`);

export const noSuchVnic = (name: string) => new VxlaneError('no_such_vnic', `no such VNIC: ${name}`);

/** `what`: `overlay foo`. Its state file cannot be used. */
export const notLoaded = (what: string, { file, reason }: { readonly file: string; readonly reason: string }) =>
  new VxlaneError('not_loaded', `${what} is not loaded: ${file}: ${reason}`);

export const badMac = (text: string) =>
  new VxlaneError(
    'bad_mac',
    `not a MAC address: ${JSON.stringify(text)} (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)`,
  );

export const noSuchRoute = (method: string, path: string, routes: readonly string[]) =>
  new VxlaneError('no_such_route', `${method} ${path}: no such route: expected one of ${routes.join(', ')}`);

/** `problems`: one text a field, each naming it. */
export const badRequest = (problems: readonly string[]) =>
  new VxlaneError('bad_request', `bad request: ${problems.join('; ')}`);

/** Where no token is asked for. */
export const foreignHost = (host: string) =>
  new VxlaneError(
    'bad_host',
    `nobody is called ${JSON.stringify(host)} here: expected an IP address or localhost as the host of the URL`,
  );

export const tokenMissing = () =>
  new VxlaneError(
    'token_missing',
    'expected the header "Authorization: Bearer TOKEN", TOKEN as --http-token-file has it',
  );

export const httpNeedsToken = (address: string) =>
  usage(
    'http_needs_token',
    `--http ${address} can be reached from other hosts: give --http-token-file FILE, or an address of the loopback`,
  );

export const httpTokenUnusable = (file: string, reason: string) =>
  new VxlaneError('http_token_unusable', `--http-token-file ${file}: ${reason}`);

export const httpUnusable = (address: string, cause: unknown) =>
  new VxlaneError('http_unusable', `cannot listen on ${address}: ${messageOf(cause)}`, { cause });

/** The control socket serves `open` connections, and none of them gives way. */
export const tooManyConnections = (open: number) =>
  new VxlaneError('too_many_connections', `the daemon serves ${open} connections already, all it can; try again later`);

export const noSuchCapture = (id: string) =>
  new VxlaneError('no_such_capture', `no such capture: ${id}; it may have ended`);

/** `near`: names like it. */
export const unknownReason = (text: string, near: readonly string[]) =>
  new VxlaneError(
    'bad_reason',
    `bad drop reason ${JSON.stringify(text)}: ` +
      (near.length > 0
        ? `do you mean ${near.join(' or ')}?`
        : 'vxlane show-stats names those there were, docs/metrics.md all'),
  );

export const badCaptureIp = (text: string) =>
  new VxlaneError('bad_ip', `bad IP address ${JSON.stringify(text)}: expected one of IPv4 or IPv6, without a length`);

/** Nothing of it passes the datapath. */
export const overlayDetached = (name: string) =>
  new VxlaneError(
    'overlay_not_up',
    `overlay ${name} is not up, and has no frames: vxlane show-overlay ${name} says why`,
  );

export const vnicDetached = (name: string) =>
  new VxlaneError('vnic_not_up', `VNIC ${name} is not up, and has no frames: vxlane status says why`);

/** `what`: what of it, and what would be right. */
export const badPing = (what: string) => new VxlaneError('bad_ping', `bad ping: ${what}`);

export const badTrace = (what: string) => new VxlaneError('bad_trace', `bad trace: ${what}`);

export const captureToTerminal = () =>
  new VxlaneError('output_is_terminal', 'a capture is not for a terminal: pipe it, name a file, or leave -w out', {
    exitCode: 2,
  });

export const captureUnwritable = (file: string, cause: unknown) =>
  new VxlaneError('capture_unwritable', `cannot write the capture to ${file}: ${messageOf(cause)}`);

export const bugReportExists = (file: string) =>
  new VxlaneError('bug_report_exists', `${file} is there already: name another with -o`);

export const bugReportUnwritable = (file: string, cause: unknown) =>
  new VxlaneError('bug_report_unwritable', `cannot write the report to ${file}: ${messageOf(cause)}; nothing is there`);

export const tooManyCaptures = (most: number) =>
  new VxlaneError('too_many_captures', `${most} captures run already, all that may; end one, or try again later`);

export const tooManyStreams = (open: number) =>
  new VxlaneError('too_many_streams', `${open} clients follow events already, all that may; try again later`);

/** Of those that have something asked, over a port. */
export const tooManyQuestions = (perSecond: number) =>
  new VxlaneError(
    'too_many_questions',
    `over this port ${perSecond} questions a second are answered: ask again in a second, or on the control socket`,
  );

/** A page of another site has a browser on this host ask. */
export const foreignOrigin = (origin: string) =>
  new VxlaneError(
    'bad_origin',
    `a page of ${JSON.stringify(origin)} may not ask here: expected one that this port has served`,
  );

export const requestTooSlow = (seconds: number) =>
  new VxlaneError('request_too_slow', `the request did not arrive whole within ${seconds} s`);

/** The path of a Unix socket does not fit `sun_path`. */
export const socketPathTooLong = (path: string, bytes: number) =>
  new VxlaneError('socket_path_too_long', `socket path ${path} is ${bytes} bytes long; the kernel takes 107`);

export const socketPathTaken = (path: string) =>
  new VxlaneError('socket_path_taken', `${path} exists and is not a socket; remove it or choose another --socket`);

/** `pid`: of the daemon; null when something answers that is not a vxlane daemon. */
export const socketAnswers = (path: string, pid: number | null) =>
  new VxlaneError(
    'socket_answers',
    pid === null
      ? `another process answers on ${path}; stop it or choose another --socket`
      : `another vxlane daemon (pid ${pid}) answers on ${path}; stop it or choose another --socket`,
  );

export const socketUnusable = (path: string, cause: unknown) =>
  new VxlaneError('socket_unusable', `cannot listen on ${path}: ${messageOf(cause)}`, { cause });

export const daemonAbsent = (socket: string) =>
  new VxlaneError(
    'daemon_absent',
    `no vxlane daemon answers on ${socket} (start one with "vxlane daemon", or name its socket with --socket)`,
    { exitCode: 4 },
  );

export const daemonNotPermitted = (socket: string) =>
  new VxlaneError('daemon_not_permitted', `permission denied on ${socket}: run as root or as a member of its group`);

/** `mayLook`: it is a member of the group of --read-group. */
export const notPermitted = (mayLook: boolean) =>
  new VxlaneError(
    'not_permitted',
    `your user may ${mayLook ? 'look, and change nothing' : 'not use this socket'}: run as root, or as a member of ` +
      'the group of --group',
  );

export const daemonSilent = (socket: string, seconds: number) =>
  new VxlaneError('daemon_silent', `the vxlane daemon on ${socket} did not answer within ${seconds} s`, {
    exitCode: 4,
  });

export const daemonFailed = (socket: string, cause: unknown) =>
  new VxlaneError('daemon_failed', `talking to the vxlane daemon on ${socket} failed: ${messageOf(cause)}`, { cause });

export const daemonBacklogFull = (socket: string) =>
  new VxlaneError(
    'daemon_failed',
    `the vxlane daemon on ${socket} does not accept connections, and no more can wait: see its log, or try again`,
  );

export const daemonTurnsAway = (socket: string) =>
  new VxlaneError(
    'daemon_failed',
    `the vxlane daemon on ${socket} closes connections before it reads a request: see its log, or try again`,
  );

/** What a client hears of a bug; the daemon's log has the stack. */
export const internalError = () =>
  new VxlaneError('internal_error', 'the daemon failed on this request (a bug); its log has the details');

// ---- search ----------------------------------------------------------------------------------------------------

/** Everything that is wrong with the properties of one command. */
export const badProperties = (problems: readonly string[]) => new VxlaneError('bad_properties', problems.join('; '));

export const unknownSearchPlugin = (name: string, known: readonly string[]) =>
  new VxlaneError(
    'unknown_search_plugin',
    `unknown search plugin ${JSON.stringify(name)}: expected one of ${known.join(', ')}, ` +
      'the path of a module, or a package vxlane-plugin-…',
  );

export const relativeSearchPath = (path: string) =>
  new VxlaneError(
    'bad_search_path',
    `search plugin ${JSON.stringify(path)}: expected an absolute path; the daemon works in another directory than you`,
  );

/** `reason`: why the module is no search plugin. */
export const searchPluginUnusable = (reference: string, reason: string) =>
  new VxlaneError('search_plugin_unusable', `search plugin ${reference} cannot be used: ${reason}`);

// ---- daemon ----------------------------------------------------------------------------------------------------

export const badEncap = (name: string, known: readonly string[]) =>
  new VxlaneError('bad_encap', `unknown encapsulation ${JSON.stringify(name)}: expected ${known.join(' or ')}`);

export const pluginWantsEncap = (plugin: string, encap: string, known: readonly string[]) =>
  new VxlaneError(
    'bad_encap',
    `search plugin ${plugin} does not go with encapsulation ${encap}: expected ${known.join(' or ')}`,
  );

export const badVni = (encap: string, vni: number, least: number, most: number) =>
  new VxlaneError('bad_vni', `bad virtual network id ${vni}: expected ${least} to ${most} with ${encap}`);

/** `holder` here and below: who has it, as in `overlay foo` or `VNIC foo0 (line 11)`. */
export const vniTaken = (encap: string, vni: number, holder: string) =>
  new VxlaneError(
    'vni_taken',
    `${encap === 'vxlan' ? '' : `${encap} `}virtual network id ${vni} is in use by ${holder}: choose another`,
  );

export const nameTaken = (name: string, holder: string) =>
  new VxlaneError('name_taken', `the name ${name} is that of ${holder}: choose another`);

export const overlayHasVnics = (name: string, vnics: readonly string[]) =>
  new VxlaneError(
    'overlay_has_vnics',
    `overlay ${name} still has VNICs: ${vnics.join(', ')} (remove them with delete-vnic first)`,
  );

/** Nothing can be done with an overlay whose socket or plugin is not there. */
export const overlayNotUp = (name: string, details: string) =>
  new VxlaneError('overlay_not_up', `overlay ${name} is not up: ${details}`);

/** `kind`: as ipaddr.js names the range. */
export const badListenIp = (encap: string, ip: string, kind: string) =>
  new VxlaneError(
    'bad_listen_ip',
    `${encap}/listen_ip is ${ip}, a ${kind} address: expected an address of this host, 0.0.0.0 or ::`,
  );

export const badSourceAllow = (text: string, family: 4 | 6) =>
  new VxlaneError(
    'bad_source_allow',
    `source-allow: ${JSON.stringify(text)} is no address that could send: expected IPv${family} addresses of VTEPs, ` +
      'with commas between',
  );

export const linkLocalListenIp = (encap: string, ip: string) =>
  new VxlaneError(
    'bad_listen_ip',
    `${encap}/listen_ip is ${ip}, a link-local address: expected its interface too, as in ${ip}%eth0`,
  );

export const zoneOfGlobalIp = (encap: string, ip: string, zone: string) =>
  new VxlaneError(
    'bad_listen_ip',
    `${encap}/listen_ip is ${ip}%${zone}, but fe80::/10 alone has zones: expected ${ip}, and ` +
      `${encap}/underlay_dev=${zone}`,
  );

export const zoneDiffers = (encap: string, ip: string, zone: string, device: string) =>
  new VxlaneError(
    'bad_listen_ip',
    `${encap}/listen_ip is ${ip}%${zone}, but ${encap}/underlay_dev is ${device}: expected one interface`,
  );

export const underlayDeviceRenamed = (device: string, name: string) =>
  new VxlaneError(
    'underlay_device_renamed',
    `underlay_dev is ${device}, which is called ${name} now: expected its old name, or a new overlay`,
  );

export const listenAddressGone = (ip: string) =>
  new VxlaneError('listen_address_gone', `no interface that is up has address ${ip} any more: nothing can be sent`);

export const multicastNeedsInterface = (multicast: string, listenIp: string) =>
  new VxlaneError(
    'group_needs_interface',
    `multicast group ${multicast}: no interface here has listen_ip=${listenIp}; expected this host's own address`,
  );

/** `where`: `interface eth0, which has 10.0.0.1,`. */
export const mtuDoesNotFit = (mtu: number, where: string, underlay: number, largest: number) =>
  new VxlaneError('mtu_does_not_fit', `mtu ${mtu} does not fit: ${where} has MTU ${underlay}, so at most ${largest}`);

export const underlayTooSmall = (where: string, underlay: number, least: number) =>
  new VxlaneError(
    'underlay_too_small',
    `${where} has MTU ${underlay}: too small for any overlay (expected ${least} or more)`,
  );

export const noSuchTarget = (overlay: string, mac: string) =>
  new VxlaneError('no_such_target', `overlay ${overlay} has no target for ${mac}`);

export const notFrozen = (overlay: string, mac: string) =>
  new VxlaneError('no_such_frozen_mac', `${mac} is not frozen on overlay ${overlay}`);

export const targetIsVnic = (mac: string, holder: string) =>
  new VxlaneError('target_is_vnic', `${mac} is the MAC of ${holder}, which has no other target`);

export const targetsOfPoint = (plugin: string) =>
  new VxlaneError(
    'targets_of_point',
    `search plugin ${plugin} has one destination for every MAC, which its properties say: it takes no targets`,
  );

export const badDestination = (text: string) =>
  new VxlaneError(
    'bad_destination',
    `bad destination ${JSON.stringify(text)}: expected drop, IP:PORT or [IPV6]:PORT, as in 10.88.88.70:4789`,
  );

export const destinationHasPort = (text: string, encap: string) =>
  new VxlaneError(
    'bad_destination',
    `bad destination ${JSON.stringify(text)}: ${encap} has no ports, expected IP alone`,
  );

export const badTargetMac = (mac: string) =>
  new VxlaneError('bad_target_mac', `${mac} is not the MAC of one host: a target needs a unicast MAC`);

export const wrongFamily = (destination: string, listenIp: string) =>
  new VxlaneError('wrong_family', `${destination} cannot be reached from ${listenIp}: one is IPv4, the other IPv6`);

export const pointsToItself = (overlay: string, destination: string) =>
  new VxlaneError(
    'points_to_itself',
    `${destination} is where overlay ${overlay} itself listens: every frame would come back`,
  );

export const fdbFull = (size: number) =>
  new VxlaneError('fdb_full', `the forwarding table is full of static targets (${size}; see daemon --fdb-size)`);

export const endpointsFull = () =>
  new VxlaneError('endpoints_full', 'the table of remote endpoints is full: targets name too many different VTEPs');

export const pluginFailed = (overlay: string, reason: string, cause: unknown) =>
  new VxlaneError('plugin_failed', `overlay ${overlay}: ${reason}`, { cause });

/** `names`: of properties that are what the overlay is. */
export const propertyOfIdentity = (names: readonly string[]) =>
  new VxlaneError(
    'property_fixed',
    names.includes('search')
      ? 'search is no property that can be set: swap the plugin with modify-overlay --search PLUGIN'
      : `${names.join(', ')} cannot change while the overlay exists: delete and create it anew`,
  );

export const propertyFixed = (names: readonly string[], plugin: string) =>
  new VxlaneError(
    'property_fixed',
    `search plugin ${plugin} takes no change of ${names.join(', ')} while it runs: re-create the overlay`,
  );

/** `count`: the operator's own targets. */
export const swapLosesTargets = (overlay: string, plugin: string, count: number) =>
  new VxlaneError(
    'swap_loses_targets',
    `overlay ${overlay} has ${count} static targets, and ${plugin} sends every frame to one endpoint: flush them first`,
  );

export const overlayChangedMeanwhile = (overlay: string) =>
  new VxlaneError('changed_meanwhile', `overlay ${overlay} was changed while the new search plugin started: try again`);

export const beingReplaced = () =>
  new VxlaneError('being_replaced', 'another daemon is taking the place of this one: try again in a moment');

export const successorFailed = (reason: string) =>
  new VxlaneError(
    'successor_failed',
    `the daemon that was to take over has ended (${reason}), its log says why; this one goes on`,
  );

export const notReplaced = (pid: number, before: number) =>
  new VxlaneError('not_replaced', `the new daemon (pid ${pid}) did not take over from pid ${before}; see their log`);

export const handoverRefused = (reason: string) =>
  new VxlaneError('handover_refused', `this daemon does not hand over: ${reason}`);

export const daemonEnding = () => new VxlaneError('daemon_ending', 'the daemon is ending: nothing was changed');

export const nothingToModify = (overlay: string) =>
  new VxlaneError('bad_modify', `nothing to modify on overlay ${overlay}: expected properties`);

/** `place`: FILE:LINE. */
export const declaredInFile = (name: string, place: string) =>
  new VxlaneError('declared_in_file', `${name} is declared in ${place}: change it there, then vxlane reload`);

/** `auto` for the MAC of a VNIC. */
export const machineIdMissing = (path: string, reason: string) =>
  new VxlaneError('machine_id_missing', `mac auto: ${path} has no machine id: ${reason}; give a MAC instead`);

export const badVnicMac = (mac: string) =>
  new VxlaneError('bad_vnic_mac', `${mac} cannot be the MAC of a VNIC: expected a unicast address that is not zero`);

export const macTaken = (mac: string, holder: string) =>
  new VxlaneError('mac_taken', `${mac} is that of ${holder}: choose another`);

export const macIsTarget = (mac: string, overlay: string) =>
  new VxlaneError(
    'mac_is_target',
    `overlay ${overlay} has a static target for ${mac}: delete it first (modify-overlay -d ${mac} ${overlay})`,
  );

export const anyMacTaken = (overlay: string, holder: string) =>
  new VxlaneError(
    'any_mac_taken',
    `${holder} takes any MAC on overlay ${overlay} already: only one VNIC of an overlay may`,
  );

export const badTrunk = (what: string, right: string) => new VxlaneError('bad_trunk', `bad trunk: ${what}: ${right}`);

/** `what`: that differs. */
export const trunkDiffers = (name: string, trunk: string, what: string, there: string) =>
  new VxlaneError('bad_trunk', `VNIC ${name} cannot be of trunk ${trunk}: its ${what} is not ${there}, as there`);

export const badProtection = (name: string, known: readonly string[]) =>
  new VxlaneError('bad_protection', `unknown protection ${JSON.stringify(name)}: expected some of ${known.join(', ')}`);

export const badAllowedIp = (text: string, problem: string) =>
  new VxlaneError('bad_protection', `bad allowed address ${JSON.stringify(text)}: ${problem}`);

export const macNospoofOfAnyMac = (vnic: string) =>
  new VxlaneError('bad_protection', `mac-nospoof and any MAC exclude each other: choose one for VNIC ${vnic}`);

export const ipNospoofAlone = (vnic: string) =>
  new VxlaneError(
    'bad_protection',
    `ip-nospoof would let no address of VNIC ${vnic} through: give it addresses, or allowed-ips`,
  );

export const allowedIpsUnused = (vnic: string) =>
  new VxlaneError(
    'bad_protection',
    `allowed-ips of VNIC ${vnic} are of no use without protection ip-nospoof: give both, or none`,
  );

export const allowedIpsFull = (vnic: string, family: number, count: number, max: number) =>
  new VxlaneError(
    'bad_protection',
    `VNIC ${vnic} would be allowed ${count} IPv${family} addresses and prefixes: expected at most ${max}`,
  );

/** `given`: as it was said. */
export const badRateLimit = (limit: string, given: string, min: number, max: number) =>
  new VxlaneError('bad_rate_limit', `bad ${limit} ${given}: expected a whole number from ${min} to ${max}, or as 100M`);

/** `protection` keeps a VNIC at its MAC. */
export const macIsProtected = (mac: string) =>
  new VxlaneError('mac_protected', `protection=mac-nospoof keeps it at ${mac} (vxlane reload gives that back)`);

export const nothingToModifyOfVnic = (vnic: string) =>
  new VxlaneError('bad_modify', `nothing to modify on VNIC ${vnic}: expected protection, allowed-ips or a limit`);

export const badVnicAddress = (text: string, problem: string) =>
  new VxlaneError('bad_address', `bad address ${JSON.stringify(text)}: ${problem}`);

export const addressTwice = (text: string, twin: string) =>
  new VxlaneError(
    'bad_address',
    `bad address ${JSON.stringify(text)}: it is there already, as ${twin}: expected it once`,
  );

export const addressTaken = (address: string, holder: string) =>
  new VxlaneError('address_taken', `address ${address} is that of ${holder} in the same namespace: choose another`);

/** `cause`: what the kernel said. */
export const addressRefused = (address: string, vnic: string, cause: string) =>
  new VxlaneError('address_refused', `VNIC ${vnic} cannot have the address ${address}: ${cause}`);

export const ipv6Off = (name: string, cause: unknown) =>
  new VxlaneError(
    'ipv6_off',
    `IPv6 is off on ${name}: its MTU is below 1280, or sysctl net.ipv6.conf.${name}.disable_ipv6 is 1 there`,
    { cause },
  );

export const interfaceTaken = (name: string, netns: string | null) =>
  new VxlaneError('interface_taken', `an interface ${name} exists already${inNetns(netns)}: choose another name`);

export const nothingToAdopt = (name: string, netns: string | null) =>
  new VxlaneError(
    'no_such_interface',
    `there is no interface ${name}${inNetns(netns)} to adopt: without --adopt it is made`,
  );

/** The VNIC stays as well: it is the only way to this interface. */
export const interfaceStays = (vnic: string, cause: unknown) =>
  new VxlaneError('interface_stays', `VNIC ${vnic} is not deleted, its interface stays: ${messageOf(cause)}`, {
    cause,
  });

/** `gone`: those of its VNICs that are. */
export const trunkPartlyGone = (trunk: string, gone: readonly string[], cause: unknown) =>
  new VxlaneError(
    cause instanceof VxlaneError ? cause.code : 'internal_error',
    `${messageOf(cause)} (of trunk ${trunk}, these are deleted: ${gone.join(', ')})`,
    { cause },
  );

export const stateDirUnusable = (path: string, cause: unknown) =>
  new VxlaneError('state_dir_unusable', `cannot use state directory ${path}: ${messageOf(cause)}`, { cause });

export const stateDirTaken = (path: string) =>
  new VxlaneError(
    'state_dir_taken',
    `another vxlane daemon uses state directory ${path}: stop it or choose another --state-dir`,
  );

/** `file` cannot be used as it is, and nothing is written over it. */
export const stateFileKept = (name: string, file: string) =>
  new VxlaneError('state_file_kept', `${name} cannot be kept: ${file} cannot be used, and is not written over`);

/** A command would make an object in the place of one that is not loaded, whose file says something now. */
export const stateFileChanged = (name: string, file: string) =>
  new VxlaneError(
    'state_file_kept',
    `${file} is not as it was when ${name} could not be loaded: vxlane reload looks at it again`,
  );

export const stateNotWritten = (path: string, cause: unknown) =>
  new VxlaneError('state_not_written', `cannot keep ${path}: ${messageOf(cause)}`, { cause });

// ---- configuration file ----------------------------------------------------------------------------------------

/** All that is wrong with a configuration file, a line each: `FILE:LINE:COLUMN: path: what: what would be right`. */
export class ConfigurationRefused extends VxlaneError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('bad_configuration', problems.join('; '));
    this.problems = problems;
  }
}

export const noConfiguration = () =>
  new VxlaneError('no_such_configuration', 'the daemon has no configuration file (see vxlane daemon --config)');

export const configurationUnreadable = (file: string, reason: string) =>
  new ConfigurationRefused([`${file}: cannot be read: ${reason}`]);

// ---- command line ----------------------------------------------------------------------------------------------

/** A command typed wrongly: exit status 2, and the CLI adds where to find help. */
const usage = (code: string, message: string) => new VxlaneError(code, message, { exitCode: 2 });

/** `longer`: commands of two words that begin with this one; `near`: what was meant, perhaps. */
export const unknownCommand = (name: string, longer: readonly string[], near: readonly string[]) => {
  if (longer.length > 0) {
    return usage('unknown_command', `incomplete command: ${name}: expected ${longer.join(' or ')}`);
  }
  const hint = near.length === 0 ? '' : `: did you mean ${near.join(' or ')}?`;
  return usage('unknown_command', `unknown command: ${name}${hint}`);
};

/** `problems` name the options. */
export const etcdOptionsBad = (problems: string) => usage('etcd_options_bad', problems);

/** `reason`: each endpoint with its error. */
export const etcdFailed = (what: string, reason: string) => new VxlaneError('etcd_failed', `${what}: ${reason}`);

export const hostsFileBad = (path: string, problems: string) =>
  new VxlaneError('hosts_file_bad', `${path}: ${problems}`);

export const hostsFileNotWritten = (path: string, cause: unknown) =>
  new VxlaneError('hosts_file_not_written', `cannot write ${path}: ${messageOf(cause)}`, { cause });

/** `options`: as typed, dashes included. */
export const unknownOptions = (options: readonly string[]) =>
  usage('unknown_option', `unknown option${options.length === 1 ? '' : 's'}: ${options.join(', ')}`);

/** `option`: every spelling, as in `-v/--vnetid`. */
export const optionTwice = (option: string) => usage('option_twice', `option ${option} was given twice`);

export const optionWithoutValue = (option: string) =>
  usage('option_without_value', `option ${option} needs a value after it`);

export const flagWithValue = (option: string) => usage('flag_with_value', `option ${option} takes no value`);

/** `what`: in words, as in `vnetid`; `how`: as in `-v VNID`. */
export const optionMissing = (what: string, how: string) =>
  usage('option_missing', `missing ${what}: give it as ${how}`);

export const trunkHasNoLink = () =>
  usage('trunk_has_no_link', '-l beside --trunk: the overlays of a trunk are those of its tags (0=OVERLAY: no tag)');

export const argumentMissing = (what: string) => usage('argument_missing', `missing ${what}`);

export const argumentUnexpected = (text: string) =>
  usage('argument_unexpected', `unexpected argument: ${JSON.stringify(text)}`);

export const numberBad = (what: string, text: string, min: number, max: number) =>
  usage('number_bad', `bad ${what} ${JSON.stringify(text)}: expected a whole number from ${min} to ${max}`);

export const httpAddressBad = (text: string) =>
  usage('http_address_bad', `bad --http ${JSON.stringify(text)}: expected ADDR:PORT or [ADDR]:PORT, as 127.0.0.1:9448`);

export const choiceBad = (what: string, text: string, choices: readonly string[]) =>
  usage('choice_bad', `bad ${what} ${JSON.stringify(text)}: expected one of ${choices.join(', ')}`);

export const intervalBad = (text: string) =>
  usage('interval_bad', `bad interval ${JSON.stringify(text)}: expected seconds from 0.1 to 86400`);

export const cpusBad = (text: string) =>
  usage('cpus_bad', `bad processors ${JSON.stringify(text)}: expected numbers and ranges, as in 0,2-5`);

export const capabilitiesBad = (text: string, known: readonly string[]) =>
  usage('capabilities_bad', `bad capabilities ${JSON.stringify(text)}: expected some of ${known.join(',')}`);

export const macBad = (text: string) => usage('mac_bad', badMac(text).message);

export const lookupBad = (text: string) =>
  usage('lookup_bad', `bad address ${JSON.stringify(text)}: expected a MAC like de:ad:be:ef:00:01, or an IP address`);

export const propertyBad = (text: string) =>
  usage('property_bad', `bad property ${JSON.stringify(text)}: expected NAME=VALUE, as in mtu=1400`);

export const propertyTwice = (name: string) => usage('property_twice', `property ${name} was given twice`);

/** `-s` is a search plugin for create-overlay, and a target for modify-overlay. */
export const targetBad = (text: string) => {
  const hint = text.includes('=') ? '' : ` (to swap the search plugin: --search ${text})`;
  return usage(
    'target_bad',
    `bad target ${JSON.stringify(text)}: expected MAC=IP:PORT, MAC=[IPV6]:PORT or MAC=drop${hint}`,
  );
};

export const moduleWithoutPath = (text: string) =>
  usage('module_without_path', `bad search plugin ${JSON.stringify(text)}: did you mean ./${text}?`);

export const optionsExclusive = (options: readonly string[]) =>
  usage('options_exclusive', `options ${options.join(' and ')} exclude each other: give one of them`);

export const optionWithout = (option: string, needed: string) =>
  usage('option_without', `option ${option} is for ${needed}: give both, or neither`);

export const secondsBad = (what: string, text: string, min: number, max: number) =>
  usage('number_bad', `bad ${what} ${JSON.stringify(text)}: expected seconds from ${min} to ${max}, as in 0.2`);

export const modificationMissing = () =>
  usage(
    'nothing_to_modify',
    'nothing to modify: give -d MAC, -f, -s MAC=IP:PORT|drop, --search PLUGIN or -p NAME=VALUE',
  );

export const fieldUnknown = (field: string, fields: readonly string[]) =>
  usage('field_unknown', `unknown field ${JSON.stringify(field)}: expected some of ${fields.join(',')}`);

export const parsableWithoutFields = () =>
  usage('parsable_without_fields', '--parsable needs its fields named with -o, and not all of them by "all"');

export const benchMissing = (path: string) =>
  new VxlaneError('bench_missing', `no benchmarks in this installation: ${path} does not exist`);

// ---- datapath --------------------------------------------------------------------------------------------------

export const staleModule = (found: number, expected: number): VxlaneError =>
  new VxlaneError(
    'stale_module',
    `the WebAssembly module has memory layout ${found}, the host ${expected}: run "npm run build"`,
  );

export const tableFull = (what: string, limit: number): VxlaneError =>
  new VxlaneError('table_full', `too many ${what}: at most ${limit}`);
