/** Where a MAC is, compared and shown. A port says nothing of where a frame came from. */
import { formatEndpoint } from '../../address.js';
import type { Where } from './decision.js';

export function isSamePlace(a: Where, b: Where): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : a.ip === b.ip;
}

export function placeText(where: Where): string {
  return where === 'here' ? where : formatEndpoint(where);
}
