import type { OverlayStatus } from '../../control/protocol.js';
import type { Column } from '../../table.js';
import { defineCommand } from '../command.js';
import { OUTPUT, printerOf } from '../output.js';

/** An overlay, or a VNIC on one. */
interface Link {
  readonly link: string;
  readonly class: 'overlay' | 'vnic';
  /** Of a VNIC. */
  readonly over: string | null;
  readonly state: string;
  readonly mtu: number | null;
}

const COLUMNS: readonly Column<Link>[] = [
  { title: 'LINK', value: ({ link }) => link },
  { title: 'CLASS', value: (row) => row.class },
  { title: 'MTU', value: ({ mtu }) => String(mtu ?? ''), isNumber: true },
  { title: 'STATE', value: ({ state }) => state, tint: ({ state }) => (isWell(state) ? 'good' : 'bad') },
  { title: 'OVER', value: ({ over }) => over ?? '' },
];

const isWell = (state: string): boolean => state === 'ONLINE' || state === 'up';

export const list = defineCommand({
  name: 'list',
  sentence: 'List overlays and VNICs, a line each, for scripts: LINK CLASS MTU STATE OVER.',
  options: OUTPUT,
  positionals: {},
  example: 'vxlane list --parsable -o link,state',
  async run(args, context) {
    const print = printerOf(COLUMNS, args, (rows) => rows);
    const [{ overlays }, vnics] = await Promise.all([context.client.status(), context.client.vnics()]);
    print(context, [
      ...overlays.map(overlayLink),
      ...vnics.map(({ name, overlay, mtu, state }): Link => ({ link: name, class: 'vnic', over: overlay, state, mtu })),
    ]);
    return 0;
  },
});

function overlayLink({ name, mtu, status, state, details }: OverlayStatus): Link {
  const link = { link: name, class: 'overlay', over: null } as const;
  return state === 'unloaded' ? { ...link, state: details, mtu: null } : { ...link, state: status, mtu };
}
