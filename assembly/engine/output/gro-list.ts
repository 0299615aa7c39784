// Coalescing: frames of one flow that go to a VNIC one behind the other become a super-frame, which its kernel takes in
// one piece. By the kernel's own rules (inet_gro_receive, ipv6_gro_receive, tcp_gro_receive, udp_gro_receive), so that
// cutting it again gives what came: same addresses, tags, TTL, TOS, DF, TCP options; sequence numbers and ids that
// follow; payloads as long as the first one's, but for a shorter last.
//
//  1. tell     which flow, and may a super-frame have it in it at all?           joinable.ts
//  2. find     the flow's run; the frame joins it, or closes it
//  3. open     a frame that joined none may begin one                            runs.ts
//
// Order: a run leaves at the place of its head. So nothing of a flow may stand between the frames of its run: what
// belongs to the flow and does not join closes its run, and what cannot be told closes those of its VNIC.
//
// Every checksum of a joined frame was verified, the head's when the second frame came: a super-frame says that they
// are right. The id of IPv4 may also stay the same when DF is set (Linux sends 0 from unconnected sockets).

import { OUT_ENDPOINT, OUT_FRAME, OUT_FRAMES, OUT_LEN, OUT_VNET, OUT_VNIC } from '../../layout';
import { foldSum, sum } from '../../wire/checksum';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4AreAlike,
  ipv4HasDf,
  ipv4Id,
  ipv4PseudoSum,
  ipv4VerifyPlain,
} from '../../wire/ipv4';
import { ipv6AreAlike, ipv6PseudoSum } from '../../wire/ipv6';
import { TCP_FIN, TCP_PSH, tcpAreAlike, tcpFlags, tcpSeq } from '../../wire/tcp';
import { vnetIsClear } from '../../wire/virtio';
import { sameUpToL3 } from '../../wire/vlan';
import {
  frameHeaderLength,
  frameIsIpv4,
  frameKind,
  frameL3,
  frameL4,
  framePayload,
  KIND_TCP,
  tell,
  Told,
} from '../../offload/flow-of';
import { outAt } from '../../datapath/output';
import {
  closeRun,
  closeRuns,
  closeRunsOf,
  findRun,
  forgetRuns,
  growRun,
  openRun,
  RUN_FIXED_ID,
  RUN_FRAME,
  RUN_HEADERS,
  RUN_L3,
  RUN_L4,
  RUN_NEXT_SEQ,
  RUN_PSEUDO,
  RUN_SEGMENT,
  RUN_STATE,
  RUN_VERIFIED,
  runFrames,
  runIpLength,
} from './gro-flows';

/** Frames of one super-frame, as many as the kernel's GRO joins of UDP. */
const RUN_FRAMES_MAX: u32 = 64;
const IP_LENGTH_MAX: u32 = 0xffff;
const TCP_LAST: u32 = TCP_PSH | TCP_FIN; // whoever has one of these is the last of its run

/** Forgets all open runs: before a list is coalesced. */
export function coalesceBegin(): void {
  forgetRuns();
}

/** Closes every open run: after the last entry of a list. */
export function coalesceEnd(): void {
  closeRuns();
}

/**
 * Looks at entry `index` of the output list; entries come in the order of the list. One that goes to a VNIC joins an
 * earlier one's run, begins a run, or stays alone. `kinds`: KIND_TCP, KIND_UDP, what its VNIC takes super-frames of.
 */
export function coalesce(index: u32, kinds: u32): void {
  const out = outAt(index);
  if (load<u32>(out, OUT_ENDPOINT) != 0) return;
  const vnic = load<u32>(out, OUT_VNIC);
  const frame = <usize>load<u32>(out, OUT_FRAME);
  const told = tell(frame, load<u32>(out, OUT_LEN), vnic);
  if (told == Told.Other) return;
  if (told == Told.Unknown) return closeRunsOf(vnic);
  const run = findRun();
  const fits = framePayload() != 0 && (frameKind() & kinds) != 0 && isComplete(out);
  const last = fits && frameKind() == KIND_TCP ? tcpFlags(frame + frameL4()) & TCP_LAST : 0;
  if (run != 0) {
    if (fits && joins(run, frame)) return join(run, index, last);
    closeRun(run);
  }
  if (fits && last == 0) openRun(index, frame, vnic, nextSeq(frame));
}

// One frame, with nothing left to its receiver.
@inline
function isComplete(out: usize): bool {
  return load<u32>(out, OUT_FRAMES) == 1 && vnetIsClear(out + OUT_VNET);
}

@inline
function nextSeq(frame: usize): u32 {
  return frameKind() == KIND_TCP ? tcpSeq(frame + frameL4()) + framePayload() : 0;
}

@inline
function join(run: usize, index: u32, last: u32): void {
  growRun(run, index, last);
  if (last != 0 || framePayload() < load<u32>(run, RUN_SEGMENT) || runFrames(run) == RUN_FRAMES_MAX) closeRun(run);
}

// Whether the frame that was told last continues the run. The sums, which cost most, come last.
@inline
function joins(run: usize, frame: usize): bool {
  const head = <usize>load<u32>(run, RUN_FRAME);
  return (
    framePayload() <= load<u32>(run, RUN_SEGMENT) &&
    isShapedLike(run) &&
    runIpLength(run, framePayload()) <= IP_LENGTH_MAX &&
    sameUpToL3(frame, head, frameL3()) &&
    continuesIp(run, frame + frameL3(), head + frameL3()) &&
    continuesTransport(run, frame + frameL4(), head + frameL4()) &&
    verifyHead(run, head) &&
    verify(frame, frameHeaderLength() - frameL4() + framePayload(), load<u32>(run, RUN_PSEUDO))
  );
}

// Same tags, same headers, by their lengths.
@inline
function isShapedLike(run: usize): bool {
  return (
    frameL3() == <u32>load<u16>(run, RUN_L3) &&
    frameL4() == <u32>load<u16>(run, RUN_L4) &&
    frameHeaderLength() == <u32>load<u16>(run, RUN_HEADERS)
  );
}

@inline
function continuesIp(run: usize, packet: usize, head: usize): bool {
  if (!frameIsIpv4()) return ipv6AreAlike(packet, head);
  return ipv4AreAlike(packet, head) && continuesId(run, packet, head);
}

// The second frame says which of the two it is: ids that count up, or, with DF, one id for all (inet_gro_flush).
@inline
function continuesId(run: usize, packet: usize, head: usize): bool {
  const ahead = (ipv4Id(packet) - ipv4Id(head)) & 0xffff;
  const state = load<u32>(run, RUN_STATE);
  if (runFrames(run) > 1) return ahead == (state & RUN_FIXED_ID ? 0 : runFrames(run));
  if (ahead == 0 && ipv4HasDf(packet)) store<u32>(run, state | RUN_FIXED_ID, RUN_STATE);
  else if (ahead != 1) return false;
  return true;
}

@inline
function continuesTransport(run: usize, header: usize, head: usize): bool {
  if (frameKind() != KIND_TCP) return true;
  return tcpSeq(header) == load<u32>(run, RUN_NEXT_SEQ) && tcpAreAlike(header, head);
}

// Once per run, when it is about to become more than one frame.
@inline
function verifyHead(run: usize, head: usize): bool {
  const state = load<u32>(run, RUN_STATE);
  if (state & RUN_VERIFIED) return true;
  const packet = head + frameL3();
  const protocol = frameKind() == KIND_TCP ? IPPROTO_TCP : IPPROTO_UDP;
  const pseudo = frameIsIpv4() ? ipv4PseudoSum(packet, protocol, 0) : ipv6PseudoSum(packet, protocol, 0);
  store<u32>(run, pseudo, RUN_PSEUDO);
  store<u32>(run, state | RUN_VERIFIED, RUN_STATE);
  return verify(head, frameHeaderLength() - frameL4() + load<u32>(run, RUN_SEGMENT), pseudo);
}

// Whether IPv4 header and transport checksum are right; `len` bytes from the transport header on.
@inline
function verify(frame: usize, len: u32, pseudo: u32): bool {
  if (frameIsIpv4() && !ipv4VerifyPlain(frame + frameL3())) return false;
  return sum(frame + frameL4(), len, foldSum(<u64>pseudo + <u64>len)) == 0xffff;
}
