/** Numbers and times in words, each of them one way. */

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const PREFIXES = ['', 'k', 'M', 'G', 'T'];

/** Exactly: `12,345`. */
export const count = (value: number): string => WHOLE.format(value);

/** Three digits: `1.23 M`, `0`. `unit` stands right behind the prefix: `1.23 Mbit/s`. */
export function scaled(value: number, unit = ''): string {
  let [rest, place] = [value, 0];
  while (rest >= 999.5 && place < PREFIXES.length - 1) [rest, place] = [rest / 1000, place + 1];
  const digits = rest >= 99.95 || rest === 0 ? 0 : rest >= 9.995 ? 1 : 2;
  const text = place === 0 && rest >= 9.995 ? rest.toFixed(0) : rest.toFixed(digits);
  return `${text} ${PREFIXES[place]}${unit}`.trim();
}

/** `bytes`: in a second. */
export const bits = (bytes: number): string => scaled(bytes * 8, 'bit/s');
export const frames = (value: number): string => `${scaled(value)}${value >= 999.5 ? '' : ' '}frames/s`;

/** `share`: 0 to 1. What is more than nothing never shows as 0. */
export function percent(share: number): string {
  if (share === 0) return '0 %';
  return share < 0.001 ? '< 0.1 %' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** `2 h 5 min`, at most two units. */
export function duration(seconds: number): string {
  const units: readonly [size: number, name: string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first === -1) return '0 s';
  let rest = Math.floor(seconds);
  const parts = units.slice(first, first + 2).map(([size, name]) => {
    const many = Math.floor(rest / size);
    rest -= many * size;
    return many > 0 ? `${many} ${name}` : '';
  });
  return parts.filter((part) => part !== '').join(' ');
}

/** Time of day here, whatever the country: `14:03:59`. */
export function clock(time: Date, hasSeconds = true): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return hasSeconds ? `${minutes}:${two(time.getSeconds())}` : minutes;
}

export const plural = (many: number, one: string): string => `${count(many)} ${one}${many === 1 ? '' : 's'}`;
