/** Ways of running vxlane, to be compared with one another: `NAME=WORDS`. */
import { parseArgs } from 'node:util';
import { usageWrong } from './usage.js';

export interface Variant {
  readonly name: string;
  /** As they stand on the command line of `vxlane daemon`; `{side}` is 0 on the left host and 1 on the right one. */
  readonly daemonArgs: readonly string[];
  /** Properties of the overlay, `offload=off`. */
  readonly properties: readonly string[];
  /** Overlays in all; one of them carries the traffic. */
  readonly overlays: number;
  /** Entries of the FDB, and of the table of the `files` plugin; 0: the plugin is `direct`, and there is no table. */
  readonly entries: number;
  /** VNICs of the overlay on each host; one of them carries the traffic. */
  readonly vnics: number;
  /** The host that has the kernel's vxlan device instead of a daemon. */
  readonly kernel: 'left' | 'right' | null;
}

export const PLAIN: Variant = {
  name: 'vxlane',
  daemonArgs: [],
  properties: [],
  overlays: 1,
  entries: 0,
  vnics: 1,
  kernel: null,
};

/** Options of a variant that are the bench's own. */
const OWN = ['prop', 'overlays', 'entries', 'vnics', 'kernel'];

/** Names that stand for something else. */
const TAKEN = ['kernel', 'native', 'ovs'];

/** `many=--overlays 100 -p offload=off --engine mmsg`: what is not ours goes to `vxlane daemon`. */
export function parseVariant(text: string): Variant {
  const [, name, line] = /^([\w.-]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || line === undefined) throw usageWrong(`--variant "${text}"`, 'NAME=DAEMON ARGUMENTS');
  if (TAKEN.includes(name)) throw usageWrong(`--variant ${name}`, `a name other than ${TAKEN.join(', ')}`);
  const { tokens, values } = parseArgs({
    args: line.split(/\s+/).filter((word) => word !== ''),
    options: {
      prop: { type: 'string', short: 'p', multiple: true, default: [] },
      overlays: { type: 'string', default: '1' },
      entries: { type: 'string', default: '0' },
      vnics: { type: 'string', default: '1' },
      kernel: { type: 'string' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const daemonArgs = tokens.flatMap((token) => {
    if (token.kind === 'positional') return [token.value];
    if (token.kind !== 'option' || OWN.includes(token.name)) return [];
    return [token.inlineValue === true ? `${token.rawName}=${token.value}` : token.rawName];
  });
  const properties = (values.prop ?? []).map(String);
  if (properties.some((property) => !/^[^=]+=/.test(property))) throw usageWrong(`--variant ${name}: -p`, 'NAME=VALUE');
  return {
    ...{ name, daemonArgs, properties },
    overlays: count(name, 'overlays', values.overlays, 1),
    entries: count(name, 'entries', values.entries, 0),
    vnics: count(name, 'vnics', values.vnics, 1),
    kernel: hostOf(name, values.kernel),
  };
}

function hostOf(variant: string, value: unknown): Variant['kernel'] {
  if (value === undefined) return null;
  if (value === 'left' || value === 'right') return value;
  throw usageWrong(`--variant ${variant}: --kernel "${value}"`, 'left or right');
}

function count(variant: string, option: string, value: unknown, least: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= least) return number;
  throw usageWrong(`--variant ${variant}: --${option} "${value}"`, `a whole number from ${least}`);
}
