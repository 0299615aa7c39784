/** Every command, in the order of --help. Each is loaded when it is needed: every command pays for its start. */
import type { Command } from '../command.js';

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  daemon: async () => (await import('./daemon.js')).daemon,
  status: async () => (await import('./status.js')).status,
  list: async () => (await import('./list.js')).list,
  reload: async () => (await import('./reload.js')).reload,
  wait: async () => (await import('./wait.js')).wait,
  'create-overlay': async () => (await import('./create-overlay.js')).createOverlay,
  'modify-overlay': async () => (await import('./modify-overlay.js')).modifyOverlay,
  'show-overlay': async () => (await import('./show-overlay.js')).showOverlay,
  'delete-overlay': async () => (await import('./delete-overlay.js')).deleteOverlay,
  'create-vnic': async () => (await import('./create-vnic.js')).createVnic,
  'modify-vnic': async () => (await import('./modify-vnic.js')).modifyVnic,
  'delete-vnic': async () => (await import('./delete-vnic.js')).deleteVnic,
  'show-vnic': async () => (await import('./show-vnic.js')).showVnic,
  'show-stats': async () => (await import('./show-stats.js')).showStats,
  events: async () => (await import('./events.js')).events,
  capture: async () => (await import('./capture.js')).capture,
  'show-config': async () => (await import('./show-config.js')).showConfig,
  'log-level': async () => (await import('./log-level.js')).logLevel,
  'etcd import': async () => (await import('./etcd/import.js')).etcdImport,
  'etcd export': async () => (await import('./etcd/export.js')).etcdExport,
  lookup: async () => (await import('./lookup.js')).lookup,
  demo: async () => (await import('./demo.js')).demo,
  completion: async () => (await import('./completion.js')).completion,
  bench: async () => (await import('./bench.js')).bench,
};
