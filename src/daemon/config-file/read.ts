/** Reads a configuration file that nobody else may write to. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { FILE_BYTES_MAX } from '../../config/yaml.js';
import { ConfigurationRefused, configurationUnreadable, messageOf } from '../../errors.js';
import { distrust } from '../../ownership.js';

/** Text of a regular file (anything else could be endless, or be read but once), of no more than is of use. */
export async function readConfiguration(path: string): Promise<string> {
  try {
    const bytes = await readBytes(path);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (thrown) {
    if (thrown instanceof ConfigurationRefused) throw thrown;
    throw configurationUnreadable(path, thrown instanceof TypeError ? 'it is not UTF-8' : messageOf(thrown));
  }
}

/** One byte more than a file may have tells that it is too large. */
async function readBytes(path: string): Promise<Uint8Array> {
  // opening a FIFO would wait for a writer
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is not a regular file');
    const reason = distrust(stat);
    if (reason !== null) throw new ConfigurationRefused([`${path}: ${reason}`]);
    const buffer = new Uint8Array(FILE_BYTES_MAX + 1);
    let size = 0;
    for (let more = 1; more > 0 && size < buffer.length; size += more) {
      more = (await file.read(buffer, size, buffer.length - size, null)).bytesRead;
    }
    return buffer.subarray(0, size);
  } finally {
    await file.close();
  }
}
