/** Reads configuration text as a daemon does that has two plugins. */
import type { There } from '../../src/config/claims.js';
import type { Declaration } from '../../src/config/model.js';
import { Problems } from '../../src/config/problems.js';
import { parse, validate } from '../../src/config/validate.js';
import { unknownSearchPlugin } from '../../src/errors.js';
import type { Plugin } from '../../src/search/api.js';
import { direct } from '../../src/search/plugins/direct/direct.js';
import { files } from '../../src/search/plugins/files/files.js';

const plugins = new Map<string, Plugin>([direct, files].map((plugin) => [plugin.name, plugin]));

export interface Read {
  readonly declaration: Declaration | null;
  /** `LINE:COLUMN: path: text`, in the order of the file. */
  readonly problems: string[];
}

export function read(text: string, there?: There): Read {
  const problems = new Problems();
  const parsed = parse(text, problems);
  const findPlugin = (search: string) => {
    const plugin = plugins.get(search);
    if (plugin === undefined) throw unknownSearchPlugin(search, [...plugins.keys()]);
    return plugin;
  };
  const rules = { directory: '/etc/vxlane', findPlugin, ...(there && { there }) };
  const declaration = parsed === null ? null : validate(parsed, rules, problems);
  return { declaration, problems: problems.lines('F').map((line) => line.slice(2)) };
}

/** What stands under `overlays:` and `vnics:` when only something else is of interest. */
export const OVERLAY = `\
overlays:
  overlay0:
    vni: 23
    search: files
    properties: { vxlan/listen_ip: 10.0.0.1, files/config: /hosts.json }
`;
