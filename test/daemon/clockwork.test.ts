/** What goes on by itself goes on, whatever part of it throws: a bug, or a host that has nothing left to give. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SystemError } from '../../src/errors.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { daemonFixture } from './fixture.js';

describe('a part that throws', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const failures = () => fixture().running.log.fields.filter(({ message }) => /by itself failed/.test(message));

  it('is said once and tried again, and holds up none of the others', async () => {
    const { daemon, running } = fixture();
    await daemon.createOverlay(fixture().direct());
    const { name } = await daemon.createVnic(fixture().vnic());
    const { datapath } = running;
    let tried = 0;
    datapath.watch = () => {
      tried += 1;
      throw new SystemError('open /proc', 24, 'EMFILE', 'too many open files');
    };
    datapath.overlayCounters = () => {
      throw new TypeError('a bug');
    };
    running.pass(6000); // rates are looked at every 5 s
    assert.doesNotThrow(() => daemon.tick());
    await until(() => tried > 3);
    // What comes last still comes: the interface is followed.
    fixture().netns.exec('ip', 'link', 'set', name, 'down');
    await until(() => daemon.vnics()[0]?.state === 'its interface was set down');
    const said = failures().map(({ fields }) => fields as { part: string; reason: string; stack?: string });
    assert.deepEqual(
      said.map(({ part, reason }) => [part, reason]),
      [
        ['workers', 'open /proc: too many open files (EMFILE)'],
        ['rates', 'a bug'],
      ],
    );
    assert.deepEqual([said[0]?.stack, typeof said[1]?.stack], [undefined, 'string']);
    Reflect.deleteProperty(datapath, 'overlayCounters');
    const [problem] = daemon.status().problems;
    assert.deepEqual([problem?.severity, problem?.command], ['bad', 'vxlane log-level debug']);
    assert.match(problem!.text, /\(workers\), and is tried again: open \/proc: too many open files \(EMFILE\)$/);
    Reflect.deleteProperty(datapath, 'watch');
    await until(() => running.log.lines.filter((line) => /goes well again/.test(line)).length === 2);
    assert.doesNotMatch(JSON.stringify(daemon.status().problems), /by itself/);
    // The fixture looks for errors that nobody expected.
    const expected = running.log.lines.filter((line) => /by itself failed/.test(line));
    for (const line of expected) running.log.lines.splice(running.log.lines.indexOf(line), 1);
  });
});
