/** docs/doctor.md, made of the table of checks. */
import { CHECKS } from './checks/index.js';
import { SEVERITIES } from './finding.js';

const HEAD = `# vxlane doctor

<!-- Written by \`npm run checks\` from src/doctor; what is changed here is lost. -->

\`vxlane doctor\` looks for what people get wrong, on this host and in the daemon, and says of each finding why it
matters and which command mends it. It takes a few seconds: counters are read twice, and each endpoint is asked for an
echo over the underlay, a small one and one as large as the overlay's datagrams (ping, 32 endpoints at most). Nothing is
changed.

\`\`\`
# vxlane doctor
fault: overlay blue0: UDP port 4789 is dropped on its way in: table inet f, chain in, rule with handle 4 [firewall]
  Datagrams of other VTEPs do not reach the overlay. What passes by the underlay TAP meets no such rule.
  nft delete rule inet f in handle 4
# vxlane doctor --overlay overlay0 --seconds 10 --json
\`\`\`

| option             | means                                                                                    |
| ------------------ | ---------------------------------------------------------------------------------------- |
| \`--overlay NAME\`   | this overlay and its VNICs alone, beside what is of the whole host                       |
| \`--seconds N\`      | how long to see which counters rise, 1..600; 2                                           |
| \`--state-dir DIR\`  | where the daemon keeps its state; by default what its process was told, as /proc has it  |
| \`--json\`           | \`findings\` (\`check\`, \`severity\`, \`object\`, \`found\`, \`why\`, \`mend\`), \`unseen\` |

| exit status | means                                                              |
| ----------- | ------------------------------------------------------------------ |
| 0           | nothing was found, and everything was looked at                    |
| 1           | something was found, a note included                               |
| 2           | nothing was found, and not everything could be looked at; or typed wrongly |

A \`fault\` keeps frames from flowing, a \`warning\` some of them, or will; a \`note\` costs speed, or is odd. What
cannot be looked at is said with the reason (\`not looked at: …\`), and never taken for well: the packet filter
needs \`nft\` and root, rules of iptables-legacy are not read, the daemon's network namespace and its state
directory are root's.

Where no daemon answers, the overlays that it will have are taken from its state directory (\`--state-dir\`) and from
/etc/vxlane/vxlane.yaml: their addresses, ports, MTUs, routes and the packet filter are looked at all the same, and what
a daemon may do that the unit starts, or, without systemd, whoever asks. No endpoint is asked for an echo then.

Some findings speak for others. That an overlay is DEGRADED is said only where no check has found why; drops that rise
(one a second or more) by the check that knows their reason, else by \`drops-rise\`.

## All checks

| name | at worst | finds that | why it matters |
| ---- | -------- | ---------- | -------------- |
`;

export function doctorDocument(): string {
  const rows = CHECKS.map(
    ({ name, severity, looksFor, why }) => `| ${[`\`${name}\``, severity, looksFor, why].join(' | ')} |`,
  );
  return `${HEAD}${rows.join('\n')}\n\nSeverities, worst first: ${SEVERITIES.join(', ')}.\n`;
}
