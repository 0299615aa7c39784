/** `-p NAME=VALUE`, as dladm takes it: repeated, or several in one with commas between. */
import { propertyBad, propertyTwice } from '../errors.js';

/** A comma parts two properties only where a name and `=` follow, so that a value may hold commas. */
const BETWEEN_PROPERTIES = /,(?=[A-Za-z][A-Za-z0-9_/-]*=)/;

export function parseProperties(given: readonly string[]): Record<string, string> {
  const properties = new Map<string, string>();
  for (const text of given.flatMap((list) => list.split(BETWEEN_PROPERTIES))) {
    const equals = text.indexOf('=');
    if (equals < 1 || equals === text.length - 1) throw propertyBad(text);
    const name = text.slice(0, equals);
    if (properties.has(name)) throw propertyTwice(name);
    properties.set(name, text.slice(equals + 1));
  }
  return Object.fromEntries(properties);
}
