/** What the kernel lets the daemon do. */
import type { Check, Found } from '../check.js';
import type { Facts } from '../facts.js';
import { known } from '../finding.js';

/** What a socket of an overlay asks for (src/system/udp-socket.ts). */
const BUFFER_BYTES = 8 << 20;

const NEEDED: readonly (readonly [capability: string, severity: 'fault' | 'note', without: string])[] = [
  ['CAP_NET_ADMIN', 'fault', 'no VNIC can be made, and buffers of sockets are as small as net.core.rmem_max'],
  ['CAP_NET_RAW', 'note', 'what routers say of path MTUs is heard later'],
  ['CAP_BPF', 'note', 'there is no underlay TAP, and a flood of strangers takes room from known VTEPs'],
];

interface Subject {
  /** With its verb. */
  readonly who: string;
  readonly capabilities: readonly string[];
  readonly vnicElsewhere: string | null;
  readonly mend: string;
}

/** The daemon that answers; where none runs, the one that would be started. */
function subjectOf({ daemon, noDaemon, processes, socket, starter, state }: Facts): Subject {
  const unit = 'systemctl edit vxlane (CapabilityBoundingSet, AmbientCapabilities), or daemon --capabilities';
  const isNowhere = noDaemon?.code === 'daemon_absent' && !known(processes).some((each) => each.socket === socket);
  if (isNowhere) {
    const { by, capabilities } = known(starter);
    const mend = by.endsWith('.service') ? unit : 'start it as root: sudo vxlane daemon';
    const { vnicElsewhere } = 'value' in state ? state.value : { vnicElsewhere: null };
    return { who: `a daemon that ${by} starts has`, capabilities, vnicElsewhere, mend };
  }
  const { status, vnics } = known(daemon);
  const vnicElsewhere = vnics.find(({ netns }) => netns !== null)?.name ?? null;
  const { pid, capabilities } = status.daemon;
  return { who: `pid ${pid} has`, capabilities, vnicElsewhere, mend: unit };
}

export const kernelChecks: readonly Check[] = [
  {
    name: 'capabilities-missing',
    looksFor: 'the daemon lacks a capability, or would if it were started',
    severity: 'fault',
    why: 'The kernel refuses what the daemon does with it; a note where it costs speed alone.',
    find(facts) {
      const { who, capabilities, vnicElsewhere, mend } = subjectOf(facts);
      const forNetns = ['CAP_SYS_ADMIN', 'fault', `VNIC ${vnicElsewhere} cannot follow into its namespace`] as const;
      return [...NEEDED, ...(vnicElsewhere === null ? [] : [forNetns])]
        .filter(([capability]) => !capabilities.includes(capability))
        .map(([capability, severity, without]) => ({
          object: 'daemon',
          severity,
          found: `${who} no ${capability}: ${without}`,
          mend,
        }));
    },
  },
  {
    name: 'tun-missing',
    looksFor: 'there is no /dev/net/tun',
    severity: 'fault',
    why: 'The interfaces of VNICs are TAPs, which are made by that device.',
    find({ kernel }) {
      if (kernel.hasTunDevice) return [];
      return [{ object: 'host', found: 'this host has no /dev/net/tun', mend: 'modprobe tun' }];
    },
  },
  {
    name: 'io-uring-forbidden',
    looksFor: 'io_uring is forbidden, or the kernel is too old for it, so that frames cross by recvmmsg',
    severity: 'note',
    why: 'Each frame of a VNIC then costs a system call of its own.',
    find({ daemon, noDaemon, kernel }) {
      // What this process may do is what a daemon may that is not there; of one that is, it says nothing.
      const isThere = noDaemon === null || noDaemon.code === 'daemon_not_permitted';
      const view = isThere ? known(daemon).status.daemon : null;
      const asked = 'mmsg was asked for';
      if (view?.engine === 'uring' || view?.engineReason === asked) return [];
      const reason = view?.engineReason ?? kernel.uringRefusal;
      if (reason === null || reason === undefined) return [];
      const isOff = (kernel.ioUringDisabled ?? 0) > 0;
      const mend = isOff
        ? 'sysctl -w kernel.io_uring_disabled=0'
        : 'permit io_uring in the seccomp profile (systemd: SystemCallFilter), or upgrade to Linux 6.7';
      return [{ object: view === null ? 'host' : 'daemon', found: `the engine is mmsg: ${reason}`, mend }];
    },
  },
  {
    name: 'udp-buffers-small',
    looksFor: 'the kernel throws datagrams away because a socket of an overlay is full, or may cut its buffers',
    severity: 'warning',
    why: 'A burst of datagrams that finds no room is lost before the daemon can count it.',
    find({ daemon, underlays, sysctl }) {
      const facts = known(daemon);
      const { rmemMax, wmemMax } = known(sysctl);
      const isBounded = !facts.status.daemon.capabilities.includes('CAP_NET_ADMIN');
      const mend = isBounded
        ? `sysctl -w net.core.rmem_max=${BUFFER_BYTES} net.core.wmem_max=${BUFFER_BYTES}`
        : 'vxlane top (which overlay gets so much?); more workers: daemon --workers';
      const full = known(underlays).flatMap(({ tunnel, socketDrops: [before, after] }): Found[] =>
        after <= before
          ? []
          : [{ object: `overlay ${tunnel.name}`, found: `${after - before} datagrams found its socket full`, mend }],
      );
      if (!isBounded || Math.min(rmemMax, wmemMax) >= BUFFER_BYTES) return full;
      const found = `without CAP_NET_ADMIN, sockets get ${Math.min(rmemMax, wmemMax)} of ${BUFFER_BYTES} bytes`;
      return [...full, { object: 'host', severity: 'note', found, mend }];
    },
  },
];
