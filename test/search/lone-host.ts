/** A program that is the daemon of one plugin: `node lone-host.js MODULE` asks it, and says the id of its process. */
import { pathToFileURL } from 'node:url';
import type { Channel } from '../../src/search/host/channel.js';
import type { Message } from '../../src/search/host/messages.js';
import { openProcess } from '../../src/search/host/process.js';
import { query } from './context.js';

const url = pathToFileURL(process.argv[2] as string).href;
const channel: Channel = openProcess(
  url,
  64,
)({
  said(parcel) {
    const isMade = parcel.some((said) => said.kind === 'answer' && said.id === 0);
    if (isMade) channel.send(ask(1, 'lookup', [query('de:ad:be:ef:00:01')]));
    if (isMade && channel.place.kind === 'process') console.log(channel.place.pid);
  },
  ended: (reason) => console.log(reason),
});
channel.send(ask(0, 'create', [{ vni: 23 }, {}]));

function ask(id: number, question: 'create' | 'lookup', args: readonly unknown[]): Message {
  return { kind: 'ask', id, question, args };
}
