/**
 * The JSON Schema of configuration files, for editors: the shape (shape.ts) with what the property tables say. Draft 7,
 * which editors know best. What it refuses the daemon refuses too; what objects mean together only the daemon sees.
 */
import * as z from 'zod';
import { ENCAPS, type Encap } from '../encapsulations.js';
import { ALL_OVERLAY_PROPERTIES, overlayProperties } from '../overlay-properties/overlay-properties.js';
import type { Plugin, PropertySpec } from '../search/api.js';
import { STRING_BYTES_MAX } from '../search/props.js';
import { FileShape } from './shape.js';

/** As much of JSON Schema as is touched here. */
interface Schema {
  [keyword: string]: unknown;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  required?: string[];
}

/** `plugins`: the built-in ones. A plugin of somebody else may have any property `NAME/…` that is none of theirs. */
export function configurationSchema(plugins: Iterable<Plugin>): Schema {
  const known = [...plugins];
  const { $schema, ...shape } = z.toJSONSchema(FileShape, { target: 'draft-7', io: 'input' }) as Schema;
  const overlay = overlayOf(shape);
  const properties = overlay.properties as Record<string, Schema>;
  properties.properties = propertiesSchema(properties.properties as Schema, known);
  properties.search = { ...properties.search, examples: known.map(({ name }) => name) };
  overlay.required = [...new Set([...(overlay.required ?? []), 'properties'])];
  overlay.allOf = [...ENCAPS.map(ofEncapsulation), ...known.map(onlyItsOwn)];
  return { $schema, title: 'vxlane configuration', ...shape };
}

/** The schema of one overlay inside that of the file. */
function overlayOf(shape: Schema): Schema {
  const overlays = mappingOf(shape.properties?.overlays as Schema);
  return overlays.additionalProperties as Schema;
}

/** The mapping of what may be a mapping or empty. */
function mappingOf(schema: Schema): Schema {
  return schema.anyOf?.find(({ type }) => type === 'object') ?? schema;
}

function propertiesSchema({ description }: Schema, plugins: readonly Plugin[]): Schema {
  const specs = [...ALL_OVERLAY_PROPERTIES, ...plugins.flatMap((plugin) => plugin.properties)];
  const modules = new Set(specs.flatMap(({ name }) => (name.includes('/') ? [name.slice(0, name.indexOf('/'))] : [])));
  return {
    description,
    type: 'object',
    properties: Object.fromEntries(specs.map((spec) => [spec.name, propertySchema(spec)])),
    patternProperties: {
      [`^(?!(${[...modules].join('|')})/)[a-z0-9-]+/`]: {
        description: 'property of a search plugin that does not come with vxlane',
        type: ['string', 'number', 'boolean'],
      },
    },
    additionalProperties: false,
  };
}

function propertySchema(spec: PropertySpec): Schema {
  const fixed = spec.mutable === true ? '' : ' (cannot change while the overlay runs)';
  const base = { description: `${spec.help}${fixed}` };
  const isSwitch = spec.values?.every((value) => value === 'true' || value === 'false') === true;
  const fallback = spec.default === undefined ? {} : { default: isSwitch ? spec.default === 'true' : spec.default };
  return { ...base, ...fallback, ...typeSchema(spec, isSwitch) };
}

function typeSchema(spec: PropertySpec, isSwitch: boolean): Schema {
  const { type, range, values, maxBytes = STRING_BYTES_MAX } = spec;
  if (isSwitch) return { enum: [true, false, 'true', 'false'] };
  switch (type) {
    case 'int':
    case 'uint': {
      const [minimum, maximum] = range ?? [type === 'uint' ? 0 : undefined, undefined];
      const number = {
        type: 'integer',
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum ? { maximum } : {}),
      };
      const words = values === undefined ? [] : [{ enum: [...values] }];
      return { anyOf: [number, { type: 'string', pattern: type === 'uint' ? '^\\d+$' : '^-?\\d+$' }, ...words] };
    }
    case 'ip': {
      const withZone = spec.name.endsWith('/listen_ip') ? [{ pattern: '^[Ff][Ee][89ABab][^%]*%[^/:%\\s]{1,15}$' }] : [];
      return { type: 'string', anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }, ...withZone] };
    }
    case 'string':
    case 'secret':
      return values === undefined ? { type: 'string', minLength: 1, maxLength: maxBytes } : { enum: [...values] };
  }
}

/** An overlay with this encapsulation has its properties, and must have those that it cannot do without. */
function ofEncapsulation(encap: Encap): Schema {
  const specs = overlayProperties(encap);
  const others = ALL_OVERLAY_PROPERTIES.filter(({ name }) => specs.every((spec) => spec.name !== name));
  const required = specs.filter((spec) => spec.required).map(({ name }) => name);
  const not = { anyOf: others.map(({ name }) => ({ required: [name] })) };
  return {
    if:
      encap === 'vxlan'
        ? { properties: { encap: { const: encap } } }
        : {
            properties: { encap: { const: encap } },
            required: ['encap'],
          },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { properties: { required, not } } },
  };
}

/** An overlay with this plugin has the plugin's properties and no other's. */
function onlyItsOwn({ name, properties }: Plugin): Schema {
  const names = [...ALL_OVERLAY_PROPERTIES, ...properties].map((spec) => spec.name);
  const required = properties.filter((spec) => spec.required).map((spec) => spec.name);
  const own = { propertyNames: { enum: names }, ...(required.length > 0 ? { required } : {}) };
  return {
    if: { properties: { search: { const: name } }, required: ['search'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { properties: own } },
  };
}
