/** The objects there are as the configuration room knows them. */
import type { Model, OverlayModel, VnicModel } from '../../config/model.js';
import type { Registry } from '../commands/registry.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';

/** Made by commands, and declared by a file. */
export function modelsOf({ overlays, vnics, fileOwned }: Registry): { made: Model; declared: Model } {
  const split = (isDeclared: boolean): Model => ({
    overlays: mapOf(overlays, (each) => fileOwned.has(each.name) === isDeclared, overlayModel),
    vnics: mapOf(vnics, (each) => fileOwned.has(each.name) === isDeclared, vnicModel),
  });
  return { made: split(false), declared: split(true) };
}

function mapOf<T extends { readonly name: string }, M>(
  objects: ReadonlyMap<string, T>,
  isWanted: (object: T) => boolean,
  modelOf: (object: T) => M,
): Map<string, M> {
  return new Map([...objects.values()].filter(isWanted).map((each) => [each.name, modelOf(each)]));
}

function overlayModel({ identity, configuration, statics }: Overlay): OverlayModel {
  return { ...identity, properties: configuration.given, targets: statics };
}

function vnicModel({ identity }: Vnic): VnicModel {
  return identity;
}
