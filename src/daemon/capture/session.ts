/** One capture, from its first block to its last: frames of the datapath as a pcapng file for one reader. */
import { release } from 'node:os';
import { formatEndpoint } from '../../address.js';
import type { CaptureSession, CaptureSink } from '../../control/capture-stream.js';
import type { CapturedFrame, CaptureFilter } from '../../datapath/capture-types.js';
import type { Datapath } from '../../datapath/datapath.js';
import { type Direction, LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../pcapng/format.js';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from '../../pcapng/write.js';
import { version } from '../../version.js';
import type { Names } from './names.js';
import { outerHeaders } from './outer.js';

interface Interface {
  readonly number: number;
  received: number;
  /** The reader had no room for them. */
  dropped: number;
  /** Of those, the ones since the last packet that it had. */
  missing: number;
}

/** Where a frame is seen, and what stands before it there. */
interface Sight {
  readonly name: string;
  readonly description: string;
  readonly linkType: number;
  readonly direction: Direction;
  readonly before: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export class Session implements CaptureSession {
  readonly #names: Names;
  readonly #sink: CaptureSink;
  readonly #capture: ReturnType<Datapath['capture']>;
  readonly #snapLength: number;
  readonly #interfaces = new Map<string, Interface>();
  /** From the monotonic clock to the one of the day. */
  readonly #epochNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  readonly #onEnd: (packets: number, lost: number) => void;
  #left: number;
  #packets = 0;
  #ending: Promise<void> | null = null;

  /** `count`: the capture ends after so many packets; null: its reader ends it. */
  constructor(
    datapath: Datapath,
    names: Names,
    filter: CaptureFilter,
    count: number | null,
    sink: CaptureSink,
    onEnd: (packets: number, lost: number) => void,
  ) {
    this.#onEnd = onEnd;
    this.#names = names;
    this.#sink = sink;
    this.#snapLength = filter.snapLength;
    this.#left = count ?? Number.POSITIVE_INFINITY;
    this.#capture = datapath.capture(filter, (frame) => this.#take(frame));
    sink.write(sectionHeader(`vxlane ${version()}`, `Linux ${release()}`));
  }

  #take(frame: CapturedFrame): void {
    if (this.#left === 0) return;
    const sight = this.#sightOf(frame);
    const its = this.#interfaces.get(keyOf(sight)) ?? this.#describe(sight);
    its.received++;
    if (!this.#sink.hasRoom()) {
      its.dropped++;
      its.missing++;
      return;
    }
    const before = sight.before.subarray(0, this.#snapLength);
    const inner = frame.bytes.subarray(0, Math.max(0, this.#snapLength - before.length));
    const packet = enhancedPacket({
      interface: its.number,
      timeNs: frame.timeNs + this.#epochNs,
      pieces: [before, inner],
      length: sight.before.length + frame.length,
      direction: sight.direction,
      comment: this.#names.comment(frame),
      missing: its.missing,
    });
    its.missing = 0;
    this.#packets++;
    this.#sink.write(packet);
    if (--this.#left === 0) void this.end();
  }

  #describe(sight: Sight): Interface {
    const { linkType, name, description } = sight;
    const its = { number: this.#interfaces.size, received: 0, dropped: 0, missing: 0 };
    this.#interfaces.set(keyOf(sight), its);
    this.#sink.write(interfaceDescription({ linkType, name, description, snapLength: this.#snapLength }));
    return its;
  }

  #sightOf(frame: CapturedFrame): Sight {
    const { point, vnic, underlay } = frame;
    if (point === 'from_vnic' || point === 'to_vnic' || (point === 'dropped' && vnic !== 0)) {
      const name = this.#names.vnic(vnic);
      const direction = point === 'dropped' ? 'unknown' : point === 'from_vnic' ? 'in' : 'out';
      return { name, description: 'VNIC', linkType: LINKTYPE_ETHERNET, direction, before: NOTHING };
    }
    const isSent = point === 'to_underlay';
    const direction = point === 'dropped' ? 'unknown' : isSent ? 'out' : 'in';
    const name = `underlay${underlay.socket}`;
    const description = `underlay socket, ${formatEndpoint(underlay.listen)}, ${underlay.encap}`;
    const before = outerHeaders(underlay, frame.length, isSent);
    return { name, description, linkType: LINKTYPE_RAW, direction, before };
  }

  /** Nothing more is mirrored; what was, and the statistics, are written, and the file ends. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await this.#capture.close();
    const timeNs = process.hrtime.bigint() + this.#epochNs;
    const lost = this.#capture.lost();
    for (const its of this.#interfaces.values()) {
      const { number, received } = its;
      const isFirst = number === 0;
      const comment = isFirst && lost > 0 ? `${lost} frames of all interfaces did not fit the ring of a worker` : '';
      const dropped = its.dropped + (isFirst ? lost : 0);
      this.#sink.write(interfaceStatistics({ interface: number, timeNs, received, dropped, comment }));
    }
    this.#sink.end();
    const dropped = [...this.#interfaces.values()].reduce((sum, its) => sum + its.dropped, lost);
    this.#onEnd(this.#packets, dropped);
  }
}

/** Another socket may have the number of one that is gone, and readers take addresses and encapsulation from it. */
function keyOf({ name, description }: Sight): string {
  return `${name} ${description}`;
}
