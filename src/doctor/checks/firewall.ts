/** The packet filter of the host. */
import { NO_PORT } from '../../address.js';
import type { Check } from '../check.js';
import { known } from '../finding.js';

export const firewallChecks: readonly Check[] = [
  {
    name: 'firewall',
    looksFor: 'the packet filter drops what comes in for the port of an overlay, or may do so',
    severity: 'fault',
    why: 'Datagrams of other VTEPs do not reach the overlay. What passes by the underlay TAP meets no such rule.',
    find({ daemon, noDaemon, firewall }) {
      // Which border a daemon will have shows when it starts.
      const border = noDaemon === null ? known(daemon).status.daemon.underlay.border : null;
      return known(firewall).map(({ overlay, port, where, verdict, mend }) => {
        const isCertain = verdict === 'drop' && border === 'socket';
        const what = port === NO_PORT ? 'GRE (IP protocol 47)' : `UDP port ${port}`;
        const found =
          verdict === 'drop'
            ? `${what} is dropped on its way in: ${where}`
            : `${what} may be dropped on its way in; this rule is for you to read: ${where}`;
        const aside = border === 'tap' ? ' (it has no effect on what passes by the underlay TAP)' : '';
        return {
          object: `overlay ${overlay}`,
          severity: isCertain ? 'fault' : border === 'tap' ? 'note' : 'warning',
          found: found + aside,
          mend,
        } as const;
      });
    },
  },
];
