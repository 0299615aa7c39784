/** What a client may capture: names become numbers of the datapath, and what cannot be meant is refused. */
import { parseIp } from '../../address.js';
import type { CaptureFeed, CaptureSession, CaptureSink } from '../../control/capture-stream.js';
import type { CaptureRequest } from '../../control/protocol.js';
import type { CaptureFilter } from '../../datapath/capture-types.js';
import { DROP_TEXT } from '../../datapath/drops.js';
import type { DropReason } from '../../datapath/types.js';
import { badCaptureIp, overlayDetached, unknownReason, vnicDetached } from '../../errors.js';
import { nearestNames } from '../../nearest-names.js';
import { overlayOf, type Registry, vnicOf } from '../commands/registry.js';
import { Names } from './names.js';
import { Session } from './session.js';

const REASONS = Object.keys(DROP_TEXT) as DropReason[];

export class CaptureService implements CaptureFeed {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  open(request: CaptureRequest, sink: CaptureSink): CaptureSession {
    const filter = this.#filterOf(request);
    const { datapath, log } = this.#registry;
    const session = new Session(
      datapath,
      new Names(this.#registry),
      filter,
      request.count ?? null,
      sink,
      (packets, lost) => log.info('a capture has ended', { packets, lost }),
    );
    log.info('frames are captured', { wanted: request });
    return session;
  }

  #filterOf({ overlay, vnic, mac, ip, dropped, reasons, snapLength }: CaptureRequest): CaptureFilter {
    const wanted = reasons.map(reasonOf);
    return {
      overlay: overlay === undefined ? null : this.#overlayIndex(overlay),
      vnic: vnic === undefined ? null : this.#vnicIndex(vnic),
      mac: mac ?? null,
      ip: ip === undefined ? null : ipOf(ip),
      reasons: dropped && wanted.length === 0 ? REASONS : wanted,
      snapLength,
    };
  }

  #overlayIndex(name: string): number {
    const { attachment } = overlayOf(this.#registry, name);
    if (!attachment) throw overlayDetached(name);
    return attachment.index;
  }

  #vnicIndex(name: string): number {
    const { index } = vnicOf(this.#registry, name);
    if (index === null) throw vnicDetached(name);
    return index;
  }
}

function reasonOf(text: string): DropReason {
  const known = REASONS.find((reason) => reason === text);
  if (known === undefined) throw unknownReason(text, nearestNames(text, REASONS));
  return known;
}

function ipOf(text: string): string {
  const ip = parseIp(text);
  if (ip === null) throw badCaptureIp(text);
  return ip;
}
