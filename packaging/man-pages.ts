/** Every manual page there is, made of the tables that the program itself works by. */
import {
  COMMON_OPTIONS,
  type Command,
  dashed,
  EXIT_STATUS,
  notesOf,
  type Option,
  type Options,
  usageOf,
} from '../src/cli/command.js';
import { COMMANDS } from '../src/cli/commands/index.js';
import { configurationSchema } from '../src/config/schema.js';
import { OVERLAY_PROPERTIES } from '../src/overlay-properties/overlay-properties.js';
import type { PropertySpec } from '../src/search/api.js';
import { defaultText, possibleText } from '../src/search/props.js';
import { plugins } from '../src/search/registry.js';
import { version } from '../src/version.js';
import { type Block, bold, escaped, italic, type Page, type Term } from './roff.js';

const SOURCE = `vxlane ${version()}`;
const CONFIGURATION_PAGE = 'vxlane.yaml';

const ENVIRONMENT: Readonly<Record<string, string>> = {
  VXLANE_SOCKET: 'Path of the control socket, where --socket does not say it.',
  VXLANE_LOG_LEVEL: 'Least level of the log that vxlane daemon begins with: debug, info, warn, error or fatal.',
  VXLANE_ETCD_PASSWORD: 'Password for vxlane etcd, which other users do not see there.',
  NOTIFY_SOCKET: 'Where vxlane daemon tells its service manager that it is ready, reloads and stops; see sd_notify(3).',
  NO_COLOR: 'Not empty: no colours, on a terminal either.',
};

const FILES: Readonly<Record<string, string>> = {
  '/run/vxlane/vxlane.sock': 'The control socket: HTTP and JSON.',
  '/var/lib/vxlane': 'Overlays and VNICs that are kept over a restart of the daemon.',
  '/etc/vxlane/vxlane.yaml': 'What the service of the Debian package declares; see vxlane.yaml(5).',
};

const PROGRAM = `vxlane carries Ethernet frames over an IP network. An overlay is a VXLAN network identifier, the
address of this host and a search plugin, which says behind which host a MAC is. A VNIC is an interface on an overlay.
vxlane daemon does the work; every other command speaks to it over its control socket.`;

const CONFIGURATION = `A YAML 1.2 document that declares overlays and VNICs. The daemon makes of the host what it says;
vxlane reload has it read again, and what differs is changed. A file that is wrong is refused whole, with the line and
column of everything that is wrong. vxlane daemon --check looks at a file and runs no daemon.`;

export async function manPages(): Promise<Page[]> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return [programPage(commands), ...commands.map(commandPage), configurationPage()];
}

const pageName = ({ name }: Command): string => `vxlane-${name.replaceAll(' ', '-')}`;

function programPage(commands: readonly Command[]): Page {
  return {
    name: 'vxlane',
    section: 1,
    source: SOURCE,
    sentence: 'userspace VXLAN tunnel endpoint with pluggable MAC lookup',
    synopsis: `${bold('vxlane')} ${italic('COMMAND')} [${italic('options')}]`,
    sections: [
      ['DESCRIPTION', [text(PROGRAM)]],
      ['COMMANDS', [terms(commands.map((each) => ({ term: bold(pageName(each)), text: each.sentence })))]],
      ['OPTIONS', [optionTerms(COMMON_OPTIONS)]],
      ['EXIT STATUS', exitStatus()],
      ['ENVIRONMENT', [terms(Object.entries(ENVIRONMENT).map(([name, what]) => ({ term: bold(name), text: what })))]],
      ['FILES', [terms(Object.entries(FILES).map(([path, what]) => ({ term: italic(path), text: what })))]],
      ['SEE ALSO', [text([...commands.map((each) => `${pageName(each)}(1)`), `${CONFIGURATION_PAGE}(5)`].join(', '))]],
    ],
  };
}

function commandPage(command: Command): Page {
  const { name, sentence, options, example } = command;
  return {
    name: pageName(command),
    section: 1,
    source: SOURCE,
    sentence,
    synopsis: `${bold(`vxlane ${name}`)} ${escaped(usageOf(command))}`,
    sections: [
      ['DESCRIPTION', [text(sentence)]],
      ['OPTIONS', [optionTerms({ ...options, ...COMMON_OPTIONS })]],
      ['EXIT STATUS', exitStatus()],
      ['EXAMPLE', [{ kind: 'example', lines: [example] }]],
      ['SEE ALSO', [text(`vxlane(1), ${CONFIGURATION_PAGE}(5)`)]],
    ],
  };
}

function configurationPage(): Page {
  const ofPlugins = [...plugins.values()].map(({ name, properties }): readonly [string, Block[]] => [
    `PROPERTIES OF ${name.toUpperCase()}`,
    [specTerms(properties)],
  ]);
  return {
    name: CONFIGURATION_PAGE,
    section: 5,
    source: SOURCE,
    sentence: 'overlays and VNICs that vxlane daemon --config makes and keeps',
    synopsis: italic('/etc/vxlane/vxlane.yaml'),
    sections: [
      ['DESCRIPTION', [text(CONFIGURATION)]],
      ['KEYS', [terms(keyTerms())]],
      ['PROPERTIES OF OVERLAYS', [specTerms(OVERLAY_PROPERTIES)]],
      ...ofPlugins,
      ['EXAMPLE', [{ kind: 'example', lines: EXAMPLE }]],
      ['SEE ALSO', [text('vxlane(1), vxlane-daemon(1), vxlane-reload(1), vxlane-show-config(1)')]],
    ],
  };
}

const EXAMPLE = [
  'overlays:',
  '  overlay0:',
  '    vni: 23',
  '    search: files',
  '    properties:',
  '      vxlan/listen_ip: 10.88.88.69',
  '      files/config: hosts.json',
  'vnics:',
  '  foo0: { overlay: overlay0, mac: de:ad:be:ef:00:00 }',
];

/** As much of JSON Schema as the keys of the file need. */
interface Keys {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Keys>>;
  readonly anyOf?: readonly Keys[];
  readonly additionalProperties?: Keys;
  readonly required?: readonly string[];
}

/** `overlays.NAME.vni` and the like. */
function keyTerms(): Term[] {
  const schema = configurationSchema(plugins.values()) as unknown as Keys;
  return Object.entries(schema.properties ?? {}).flatMap(([kind, mapping]) => {
    const object = mapping.anyOf?.find(({ additionalProperties }) => additionalProperties)?.additionalProperties;
    return Object.entries(object?.properties ?? {}).map(([key, { description = '', default: value }]) => {
      const isRequired = object?.required?.includes(key) === true;
      const notes = [isRequired ? 'required' : '', value === undefined ? '' : `default ${value}`];
      const name = `${bold(`${kind}.`)}${italic('NAME')}${bold(`.${key}`)}`;
      return { term: name, text: [description, ...notes].filter((each) => each !== '').join('; ') };
    });
  });
}

function specTerms(specs: readonly PropertySpec[]): Block {
  return terms(
    specs.map((spec) => {
      const fallback = defaultText(spec);
      const notes = [
        possibleText(spec),
        fallback === null ? '' : `default ${fallback}`,
        spec.required ? 'required' : '',
        spec.mutable === true ? '' : 'cannot change while the overlay exists',
      ];
      return { term: bold(spec.name), text: [spec.help, ...notes].filter((each) => each !== '').join('; ') };
    }),
  );
}

function optionTerms(options: Options): Block {
  return terms(
    Object.entries(options).map(([name, option]) => ({
      term: `${[...(option.aliases ?? []), name].map((each) => bold(dashed(each))).join(', ')}${placeholderOf(option)}`,
      text: [option.help, ...notesOf(option)].join('; '),
    })),
  );
}

function placeholderOf(option: Option): string {
  if (option.type === 'flag') return '';
  return option.type === 'maybe' ? `[=${italic(option.value)}]` : ` ${italic(option.value)}`;
}

function exitStatus(): Block[] {
  return [terms(Object.entries(EXIT_STATUS).map(([status, what]) => ({ term: bold(status), text: what })))];
}

const text = (plain: string): Block => ({ kind: 'text', text: plain });
const terms = (all: readonly Term[]): Block => ({ kind: 'terms', terms: all });
