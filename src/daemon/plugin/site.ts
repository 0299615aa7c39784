/** What a plugin's slot asks of the overlay that it is on. */
import type { OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { Relay } from './early-pushes.js';
import type { PluginFacts } from './instance.js';

/** What is about to hold on an overlay. */
export interface NextPlugin {
  readonly facts: PluginFacts;
  readonly configuration: OverlayConfiguration;
  /** Of an instance that is to serve from now on; null: the one that serves has changed its mind, if there is one. */
  readonly relay: Relay | null;
}

/** What a slot asks of its overlay. */
export interface PluginSite {
  /** The plugin as the operator typed it, and the configuration to start an instance with. */
  wanted(): { readonly search: string; readonly configuration: OverlayConfiguration };
  /** MACs of which the plugin has said where they are: another instance is asked for them before it serves. */
  knownMacs(): Iterable<string | null>;
  /** Throws what stands against it; then nothing has changed. What it answers makes it hold, and cannot throw. */
  prepare(next: NextPlugin): () => void;
  /** A start has ended. `reason`: null, the plugin serves; else why it does not, when that is news. */
  started(reason: string | null): void;
}
