import type { MoveView, OverlayView, PropertyView, TargetView } from '../../control/protocol.js';
import { noSuchOverlay, optionsExclusive, VxlaneError } from '../../errors.js';
import type { Column } from '../../table.js';
import { BAD_ANSWER, type Context, defineCommand } from '../command.js';
import { duration } from '../duration.js';
import { OUTPUT, pagePrinterOf, printerOf, printJson } from '../output.js';
import { selectNamed } from '../select.js';

interface PropertyRow {
  readonly link: string;
  readonly property: PropertyView;
}

const PROPERTY_COLUMNS: readonly Column<PropertyRow>[] = [
  { title: 'LINK', value: ({ link }) => link },
  { title: 'PROPERTY', value: ({ property }) => property.name },
  { title: 'PERM', value: ({ property }) => property.perm },
  { title: 'REQ', value: ({ property }) => (property.required ? 'y' : '-') },
  { title: 'VALUE', value: ({ property }) => property.value ?? '' },
  { title: 'DEFAULT', value: ({ property }) => property.default ?? '' },
  { title: 'POSSIBLE', value: ({ property }) => property.possible },
];

const HEALTH_COLUMNS: readonly Column<OverlayView>[] = [
  { title: 'LINK', value: ({ name }) => name },
  { title: 'STATUS', value: ({ status }) => status, tint: ({ status }) => (status === 'ONLINE' ? 'good' : 'bad') },
  { title: 'DETAILS', value: ({ details }) => details },
  { title: 'DECLARED', value: ({ declared }) => declared ?? '', isExtra: true },
];

interface TargetRow extends TargetView {
  readonly overlay: string;
}

const TARGET_COLUMNS: readonly Column<TargetRow>[] = [
  { title: 'LINK', value: ({ overlay }) => overlay },
  { title: 'TARGET', value: ({ mac }) => mac },
  {
    title: 'DESTINATION',
    value: ({ destination }) => destination,
    tint: ({ destination }) => (destination === 'drop' ? 'bad' : 'plain'),
  },
  { title: 'SOURCE', value: ({ source }) => source },
  { title: 'AGE', value: ({ ageSeconds }) => duration(ageSeconds), raw: ({ ageSeconds }) => seconds(ageSeconds) },
  {
    title: 'IDLE',
    value: ({ idleSeconds }) => (idleSeconds === null ? '' : duration(idleSeconds)),
    raw: ({ idleSeconds }) => (idleSeconds === null ? '' : seconds(idleSeconds)),
    isExtra: true,
  },
];

interface MoveRow extends MoveView {
  readonly overlay: string;
}

const MOVE_COLUMNS: readonly Column<MoveRow>[] = [
  { title: 'LINK', value: ({ overlay }) => overlay },
  { title: 'MAC', value: ({ mac }) => mac },
  { title: 'DESTINATION', value: ({ destination }) => destination },
  { title: 'HOME', value: ({ home }) => home },
  { title: 'MOVES', value: ({ moves }) => String(moves) },
  { title: 'STATE', value: ({ state }) => state, tint: ({ state }) => (state === 'moving' ? 'plain' : 'bad') },
  {
    title: 'THAWS',
    value: ({ frozenSeconds }) => (frozenSeconds === null ? '' : duration(frozenSeconds)),
    raw: ({ frozenSeconds }) => (frozenSeconds === null ? '' : seconds(frozenSeconds)),
  },
];

const seconds = (value: number): string => String(Math.floor(value));

export const showOverlay = defineCommand({
  name: 'show-overlay',
  sentence: 'Show the properties of overlays, their health (-f), targets (-t), or MACs that move (-m).',
  options: {
    fma: { type: 'flag', aliases: ['f'], help: 'health: LINK STATUS DETAILS (and DECLARED by -o)' },
    target: { type: 'flag', aliases: ['t'], help: 'targets: LINK TARGET DESTINATION SOURCE AGE (and IDLE by -o)' },
    moves: { type: 'flag', aliases: ['m'], help: 'MACs that moved of late, and those that are frozen' },
    ...OUTPUT,
  },
  positionals: { names: { label: 'NAME', what: 'overlay name', completes: 'overlay', rest: true } },
  example: 'vxlane show-overlay -t overlay0',
  async run(args, context) {
    checkOneForm(args);
    if (args.fma) {
      const print = printerOf(HEALTH_COLUMNS, args, (overlays) =>
        overlays.map(({ name, status, details, declared }) => ({ name, status, details, declared })),
      );
      let isBad = false;
      const status = await show(context, args.names, async (overlays) => {
        isBad = overlays.some((overlay) => overlay.status === 'DEGRADED');
        print(context, overlays);
      });
      return status === 0 && isBad ? BAD_ANSWER : status;
    }
    if (args.target) {
      const print = pagePrinterOf(TARGET_COLUMNS, args);
      return show(context, args.names, (...asked) => print(context, targetsOf(context, ...asked)));
    }
    if (args.moves) {
      const print = printerOf(MOVE_COLUMNS, args, (rows) => rows);
      return show(context, args.names, async (...asked) => print(context, await movesOf(context, ...asked)));
    }
    // The objects themselves are the JSON of the plain form; the rows are for tables.
    const print = printerOf(PROPERTY_COLUMNS, args, (rows) => rows);
    return show(context, args.names, async (overlays) => {
      if (args.json) printJson(context, overlays);
      else print(context, overlays.flatMap(propertyRows));
    });
  },
});

/** `print` complains of an overlay that is not loaded: the others are shown. */
async function show(
  context: Context,
  names: readonly string[],
  print: (overlays: readonly OverlayView[], complain: (thrown: unknown) => void) => Promise<void>,
): Promise<number> {
  let { found, status } = selectNamed(context, await context.client.overlays(), names, noSuchOverlay);
  const complain = (thrown: unknown) => {
    if (!(thrown instanceof VxlaneError) || thrown.code !== 'not_loaded') throw thrown;
    context.complain(thrown.message, thrown.code);
    status = 1;
  };
  if (found.length > 0 || names.length === 0) await print(found, complain);
  return status;
}

async function* targetsOf(
  { client }: Context,
  overlays: readonly OverlayView[],
  complain: (thrown: unknown) => void,
): AsyncGenerator<TargetRow[]> {
  let hasPage = false;
  for (const { name } of overlays) {
    try {
      for await (const page of client.targetPages(name)) {
        hasPage = true;
        yield page.map((target) => ({ overlay: name, ...target }));
      }
    } catch (thrown) {
      complain(thrown);
    }
  }
  if (!hasPage) yield [];
}

function checkOneForm({ fma, target, moves }: { fma: boolean; target: boolean; moves: boolean }): void {
  const given = { '-f/--fma': fma, '-t/--target': target, '-m/--moves': moves };
  const forms = Object.entries(given).flatMap(([option, isGiven]) => (isGiven ? [option] : []));
  if (forms.length > 1) throw optionsExclusive(forms);
}

async function movesOf(
  { client }: Context,
  overlays: readonly OverlayView[],
  complain: (thrown: unknown) => void,
): Promise<MoveRow[]> {
  const asked = overlays.map(async ({ name }) => {
    const moves = await client.moves(name).catch(complain);
    return (moves ?? []).map((move) => ({ overlay: name, ...move }));
  });
  return (await Promise.all(asked)).flat();
}

function propertyRows({ name, properties }: OverlayView): PropertyRow[] {
  return properties.map((property) => ({ link: name, property }));
}
