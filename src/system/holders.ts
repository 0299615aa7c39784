/** Who holds a thing we wanted: answers for error messages, read from /proc. A guess is never given as a fact. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ipFamily, ipFromBytes, parseIp } from '../address.js';

const COMMAND_TEXT_MAX = 80;
const WILDCARDS = new Set(['0.0.0.0', '::']);

interface BoundPort {
  readonly ip: string;
  readonly port: number;
  /** 0 when no file stands for the socket. */
  readonly inode: number;
}

/**
 * The process that has a UDP port such that (ip, port) cannot be bound: `pid 7 (dnsmasq -p 53)`, or the kernel itself
 * (a vxlan device owns its socket, which belongs to no process); null when /proc shows no such port.
 */
export function udpPortHolder(ip: string, port: number): string | null {
  const clashing = boundUdpPorts().filter((bound) => bound.port === port && clashes(bound.ip, ip));
  if (clashing.length === 0) return null;
  const links = new Set(clashing.map((bound) => `socket:[${bound.inode}]`));
  const pid = processes().find((candidate) => fdLinks(candidate).some(({ link }) => links.has(link)));
  return pid === undefined ? 'the kernel, perhaps by a vxlan device' : describeProcess(pid);
}

/** The process attached to a TAP of this name, if exactly one is (namespaces may each have a TAP of one name). */
export function tapHolder(name: string): string | null {
  const holders = processes().filter((pid) => fdLinks(pid).some(({ fd, link }) => isTapFd(pid, fd, link, name)));
  return holders.length === 1 ? describeProcess(holders[0] as string) : null;
}

// A wildcard clashes with every address of its family; `::` and mapped addresses of a dual-stack socket with IPv4 too.
function clashes(bound: string, wanted: string): boolean {
  if (bound === wanted || bound === '::') return true;
  return ipFamily(bound) === ipFamily(wanted) && (WILDCARDS.has(bound) || WILDCARDS.has(wanted));
}

function boundUdpPorts(): BoundPort[] {
  return ['udp', 'udp6'].flatMap((table) => parseUdpTable(readText(`/proc/thread-self/net/${table}`)));
}

/** Datagrams that the kernel has thrown away because the sockets bound to this UDP port had no room. */
export function udpDropsAt(port: number): number {
  const rows = ['udp', 'udp6'].flatMap((table) => udpRows(readText(`/proc/thread-self/net/${table}`)));
  return rows
    .filter(([, local]) => Number.parseInt(local?.split(':')[1] ?? '', 16) === port)
    .reduce((sum, fields) => sum + Number(fields[12] ?? 0), 0);
}

/** UDP datagrams that the kernel has thrown away because their checksum was wrong, of all ports. */
export function udpChecksumErrors(): number {
  const [names, values] = [...readText('/proc/thread-self/net/snmp').matchAll(/^Udp: (.*)$/gm)].map(([, row]) =>
    row!.split(' '),
  );
  const four = Number(values?.[names!.indexOf('InCsumErrors')] ?? 0);
  const six = /^Udp6InCsumErrors\s+(\d+)$/m.exec(readText('/proc/thread-self/net/snmp6'))?.[1];
  return four + Number(six ?? 0);
}

/** Rows of /proc/net/udp or udp6; exported for tests. */
export function parseUdpTable(table: string): BoundPort[] {
  return udpRows(table).map((fields) => {
    const [address, port] = (fields[1] as string).split(':') as [string, string];
    return { ip: parseProcAddress(address), port: Number.parseInt(port, 16), inode: Number(fields[9]) };
  });
}

function udpRows(table: string): string[][] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length > 9);
}

// Hex words of 32 bits as a little-endian machine prints them: 0100007F is 127.0.0.1.
function parseProcAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32();
  const text = ipFromBytes(bytes);
  return parseIp(text) ?? text;
}

function processes(): string[] {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
}

function fdLinks(pid: string): { fd: string; link: string }[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).map((fd) => ({ fd, link: readLink(`${directory}/${fd}`) }));
  } catch {
    return []; // gone meanwhile, or not ours to look at
  }
}

// The tun driver prints the name of the attached interface as `iff:`.
function isTapFd(pid: string, fd: string, link: string, name: string): boolean {
  if (link !== '/dev/net/tun') return false;
  return readText(`/proc/${pid}/fdinfo/${fd}`).split('\n').includes(`iff:\t${name}`);
}

function describeProcess(pid: string): string {
  const commandLine = readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  const command = commandLine || readText(`/proc/${pid}/comm`).trim();
  return command === '' ? `pid ${pid}` : `pid ${pid} (${command.slice(0, COMMAND_TEXT_MAX)})`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
