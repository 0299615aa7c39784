/**
 * Who holds a network namespace. The kernel keeps one as long as a name, a process, a mount or a descriptor does, and
 * tells nobody when the last of them goes. A namespace is known by the inode of its file.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { NETNS_DIRECTORY, OWN_NETNS } from './netns.js';

/** Inode of a namespace: a name under /run/netns, an absolute path, or null for the thread's own. 0: there is none. */
export function netnsInode(netns: string | null): number {
  const path = netns === null ? OWN_NETNS : netns.startsWith('/') ? netns : `${NETNS_DIRECTORY}/${netns}`;
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
  } catch {
    return 0; // a process that ends just now, or that is not ours to look at
  }
}

/**
 * Every namespace that a name or a process holds, once: the thread's own (null), those under /run/netns by their names,
 * those of processes as `/proc/PID/ns/net`.
 */
export function* namespaces(): Iterable<{ readonly netns: string | null; readonly inode: number }> {
  const seen = new Set<number>([0]);
  for (const places of [[null], namedNamespaces(), processNamespaces()]) {
    for (const netns of places) {
      const inode = netnsInode(netns);
      if (seen.has(inode)) continue;
      seen.add(inode);
      yield { netns, inode };
    }
  }
}

/**
 * What holds the namespace, beside descriptors of this process, that are no file of it: a name, a path, or null for the
 * thread's own; undefined: nothing that this process can see.
 */
export function holderOf(inode: number): string | null | undefined {
  for (const each of namespaces()) if (each.inode === inode) return each.netns;
  return [...mountedNamespaces(), ...openNamespaces()].find((path) => netnsInode(path) === inode);
}

function namedNamespaces(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY).sort();
  } catch {
    return []; // nobody has named one yet
  }
}

function processNamespaces(): string[] {
  return processes().map((pid) => `/proc/${pid}/ns/net`);
}

function processes(): string[] {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
}

/** Files that a namespace is mounted on, wherever they are: container engines have directories of their own. */
function mountedNamespaces(): string[] {
  // mount id, parent id, device, root within it (`net:[4026532208]`), mount point, ...
  const fields = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  return fields.flatMap(([, , , root, point]) => (root?.startsWith('net:[') ? [unescaped(point ?? '')] : []));
}

/** Blanks and the like stand there as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Descriptors of namespaces that other processes have open, and namespaces of single threads of theirs. */
function openNamespaces(): string[] {
  return processes()
    .filter((pid) => Number(pid) !== process.pid)
    .flatMap((pid) => {
      const descriptors = entries(`/proc/${pid}/fd`).filter((path) => linkOf(path).startsWith('net:['));
      return [...descriptors, ...entries(`/proc/${pid}/task`).map((task) => `${task}/ns/net`)];
    });
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory).map((entry) => `${directory}/${entry}`);
  } catch {
    return []; // gone meanwhile, or not ours to look at
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
