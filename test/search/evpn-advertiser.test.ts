/** What is told of this host, and again when it was not heard: without a GoBGP, so that each loss is at its place. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Advertiser, type Send } from '../../src/search/plugins/evpn/advertiser.js';
import type { Advertised } from '../../src/search/plugins/evpn/route.js';

const MAC = 'de:ad:be:ef:00:01';

/** Writes down what is sent: `+` added, `-` withdrawn. */
function recorded(): { readonly send: Send; readonly sent: string[] } {
  const sent: string[] = [];
  const send: Send = (changes) => {
    for (const { advertised, isWithdraw } of changes) {
      const what = advertised === 'vtep' ? advertised : `${advertised.mac} ${advertised.sequence}`;
      sent.push(`${isWithdraw ? '-' : '+'}${what}`);
    }
    return Promise.resolve();
  };
  return { send, sent };
}

const told = (sequence: number): Advertised => ({ mac: MAC, ip: null, sequence });

describe('what is told of this host', () => {
  it('is taken back by the next connection if the one before was lost with it', async () => {
    const advertiser = new Advertiser();
    advertiser.connected(['vtep', told(0)], [], () => Promise.reject(new Error('lost')));
    await advertiser.want({ mac: MAC, ips: [] }, 0).catch(() => {});
    await assert.rejects(advertiser.unwant(MAC), /lost/);
    advertiser.disconnected();
    const { send, sent } = recorded();
    advertiser.connected(['vtep', told(0)], [], send);
    await advertiser.unwant('de:ad:be:ef:00:02'); // resolves when everything is sent
    assert.deepEqual(sent, [`-${MAC} 0`]);
  });

  it('is told again, with its number, where GoBGP has it otherwise than it is told now', async () => {
    const advertiser = new Advertiser();
    const { send, sent } = recorded();
    advertiser.connected([], ['vtep', told(4)], send);
    await advertiser.want({ mac: MAC, ips: [] }, 4);
    assert.deepEqual(sent.sort(), [`+${MAC} 4`, '+vtep']);
    await advertiser.want({ mac: MAC, ips: [] }, 4);
    assert.equal(sent.length, 2, 'once');
    await advertiser.sweep();
    assert.equal(sent.length, 2);
  });

  it('is told again where an instance before has the last word, which says no more once it is to leave', async () => {
    const successor = new Advertiser();
    const { send, sent } = recorded();
    successor.connected([], [], send);
    await successor.want({ mac: MAC, ips: [] }, 0);
    sent.length = 0;
    successor.overwritten(told(0));
    successor.overwritten({ mac: 'de:ad:be:ef:00:02', ip: null, sequence: 0 });
    assert.deepEqual(sent, [], 'not at once');
    await successor.retell();
    assert.deepEqual(sent, [`+${MAC} 0`], 'nothing of a MAC that has not been told of yet');
    await successor.retell();
    assert.equal(sent.length, 1, 'once');
    successor.overwritten(told(0));
    await successor.leave('macs');
    assert.deepEqual(sent.slice(1).sort(), ['-de:ad:be:ef:00:02 0', '-vtep']);
  });
});
