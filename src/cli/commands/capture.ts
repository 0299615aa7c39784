import type { WriteStream } from 'node:fs';
import { parseMac } from '../../address.js';
import { type FollowedCapture, followCapture } from '../../control/follow-capture.js';
import { SNAP_LENGTH_MAX, SNAP_LENGTH_MIN } from '../../control/snap-length.js';
import { captureToTerminal, macBad, optionsExclusive } from '../../errors.js';
import { type Packet, PcapngReader } from '../../pcapng/read.js';
import { CaptureFile, openCaptureFile, STDOUT } from '../capture-file.js';
import { jsonOf, lineOf } from '../capture-lines.js';
import { defineCommand, JSON_FLAG, type Options } from '../command.js';
import { onEndSignals } from '../watch.js';

const OPTIONS = {
  write: {
    type: 'text',
    aliases: ['w'],
    what: 'file',
    value: 'FILE',
    completes: 'file',
    help: 'write pcapng; - is stdout',
  },
  overlay: {
    type: 'text',
    what: 'overlay name',
    value: 'OVERLAY',
    completes: 'overlay',
    help: 'only of this overlay',
  },
  vnic: {
    type: 'text',
    what: 'VNIC name',
    value: 'VNIC',
    completes: 'vnic',
    help: 'only what this VNIC sends or gets',
  },
  mac: { type: 'text', what: 'MAC address', value: 'MAC', help: 'only from or to this MAC' },
  ip: { type: 'text', what: 'IP address', value: 'IP', help: 'only from or to this address inside, or about it' },
  dropped: { type: 'flag', help: 'only what is dropped' },
  reason: {
    type: 'list',
    what: 'drop reason',
    value: 'REASON',
    help: 'only what is dropped for this reason; may be given more than once',
  },
  snaplen: {
    type: 'integer',
    what: 'snap length',
    value: 'BYTES',
    range: [SNAP_LENGTH_MIN, SNAP_LENGTH_MAX],
    default: SNAP_LENGTH_MAX,
    help: 'bytes of a packet that are kept',
  },
  count: {
    type: 'integer',
    aliases: ['c'],
    what: 'count',
    value: 'COUNT',
    range: [1, 1e9],
    help: 'end after so many packets',
  },
  json: JSON_FLAG,
} as const satisfies Options;

export const capture = defineCommand({
  name: 'capture',
  sentence: 'Show frames as they pass, each with what became of it, or write them to a pcapng file.',
  options: OPTIONS,
  positionals: {},
  example: 'vxlane capture --vnic foo0 -w - | tshark -r -',
  async run({ write, json, mac: macText, ...args }, context) {
    const mac = macText === undefined ? undefined : parseMac(macText);
    if (mac === null) throw macBad(macText!);
    if (json && write !== undefined) throw optionsExclusive(['--json', '-w/--write']);
    if (write === STDOUT && context.isTerminal) throw captureToTerminal();
    const { overlay, vnic, ip, dropped, reason: reasons, snaplen: snapLength, count } = args;
    const asked = { overlay, vnic, mac, ip, dropped, reasons, snapLength, count };
    const followed = await followCapture(context.socket, asked);
    const file = write === undefined ? null : await openOrEnd(write, followed);
    const tally = await follow(followed, file, (packet) =>
      context.print(json ? jsonOf(packet) : lineOf(packet, context)),
    );
    context.complain(tally, 'capture_ended');
    return 0;
  },
});

/** Not before the daemon has agreed: a file that is there is written over. */
async function openOrEnd(path: string, { end }: FollowedCapture): Promise<WriteStream> {
  try {
    return await openCaptureFile(path);
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

/** Until the capture ends, by itself or by a signal; answers what there was, in a sentence. */
async function follow(
  { bytes, end }: FollowedCapture,
  file: WriteStream | null,
  show: (packet: Packet) => void,
): Promise<string> {
  const reader = new PcapngReader();
  let packets = 0;
  let lost = 0;
  const signal = onEndSignals();
  signal.addEventListener('abort', () => void end().catch(() => {}));
  const output = file === null ? null : new CaptureFile(file, () => void end().catch(() => {}));
  for await (const part of bytes) {
    await output?.write(part);
    for (const read of reader.read(part)) {
      if (read.kind === 'statistics') lost += read.dropped;
      else {
        packets++;
        if (output === null) show(read);
      }
    }
  }
  await output?.close();
  const what =
    lost === 0 ? 'none was lost' : `${lost} more were lost: ask for less (--snaplen, --vnic), or read faster`;
  return `${packets} packets captured, ${what}`;
}
