import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Model, OverlayModel, VnicModel } from '../../src/config/model.js';
import { type OverlayChange, overlayDifference, plan, type Step, vnicDifference } from '../../src/config/plan.js';
import { OVERLAY_PROPERTIES } from '../../src/overlay-properties/overlay-properties.js';
import { plugins } from '../../src/search/registry.js';
import { models } from './arbitraries.js';

const specsOf = (search: string) => plugins.get(search)?.properties ?? [];
const steps = (from: Model, to: Model) => plan(from, to, specsOf);

/** What a daemon does with the steps, and what it may not do at any moment. */
class ModelDaemon {
  readonly overlays: Map<string, OverlayModel>;
  readonly vnics: Map<string, VnicModel>;
  /** Interfaces that are there: name, MAC and namespace to how often they were made. */
  readonly interfaces: Map<string, number>;
  /** By interface, what is on it. */
  readonly addresses: Map<string, readonly string[]>;
  #made = 0;

  constructor(from: Model) {
    this.overlays = new Map(from.overlays);
    this.vnics = new Map(from.vnics);
    this.interfaces = new Map([...from.vnics.values()].map((vnic) => [interfaceOf(vnic), 0]));
    this.addresses = new Map([...from.vnics.values()].map((vnic) => [interfaceOf(vnic), vnic.addresses]));
  }

  take(step: Step): void {
    switch (step.do) {
      case 'remove-vnic':
        assert(this.interfaces.delete(interfaceOf(this.#vnic(step.name))));
        this.addresses.delete(interfaceOf(this.#vnic(step.name)));
        this.vnics.delete(step.name);
        return;
      case 'change-vnic': {
        const { name, overlay: _, allowAnyMac: __, ...changed } = step.vnic;
        const vnic = { ...this.#vnic(name), ...changed };
        const { addresses } = vnic;
        this.vnics.set(name, vnic);
        this.addresses.set(interfaceOf(vnic), addresses);
        return;
      }
      case 'detach-vnic':
        this.#vnic(step.name);
        this.vnics.delete(step.name);
        return;
      case 'remove-overlay': {
        assert(this.overlays.delete(step.name));
        const left = [...this.vnics.values()].filter((vnic) => vnic.overlay === step.name);
        assert(step.because.length > 0 || left.length === 0, 'an overlay goes after its VNICs');
        return;
      }
      case 'change-overlay':
        this.#change(step);
        return;
      case 'add-overlay':
        this.#isFree(step.overlay.name);
        assert(
          [...this.overlays.values()].every(({ vni }) => vni !== step.overlay.vni),
          'a VNI is one overlay’s',
        );
        this.overlays.set(step.overlay.name, step.overlay);
        return;
      case 'add-vnic':
        this.#add(step.vnic);
    }
  }

  #change({ overlay: to, properties, swap, put, forget }: OverlayChange): void {
    const from = this.overlays.get(to.name);
    assert(from !== undefined);
    assert.equal(from.vni, to.vni, 'a VNI does not change while the overlay exists');
    const targets = new Map(from.targets);
    for (const mac of forget) assert(targets.delete(mac));
    for (const [mac, target] of put) targets.set(mac, target);
    for (const { name, mutable } of OVERLAY_PROPERTIES) {
      if (mutable !== true) assert.equal(effective(from).properties[name], effective(to).properties[name], name);
    }
    const values: Record<string, string> = { ...(swap.length > 0 ? to : from).properties };
    for (const name of properties) {
      const value = to.properties[name];
      if (value === undefined) delete values[name];
      else values[name] = value;
    }
    const search = swap.length > 0 ? to.search : from.search;
    this.overlays.set(to.name, { ...from, search, properties: values, targets });
  }

  #add(vnic: VnicModel): void {
    this.#isFree(vnic.name);
    assert(this.overlays.has(vnic.overlay), 'a VNIC comes after its overlay');
    const twins = [...this.vnics.values()].filter(({ overlay, mac }) => overlay === vnic.overlay && mac === vnic.mac);
    assert.deepEqual(twins, [], 'a MAC is one VNIC’s');
    this.vnics.set(vnic.name, vnic);
    if (this.interfaces.has(interfaceOf(vnic))) return;
    this.interfaces.set(interfaceOf(vnic), ++this.#made);
    this.addresses.set(interfaceOf(vnic), vnic.addresses);
  }

  #vnic(name: string): VnicModel {
    const vnic = this.vnics.get(name);
    assert(vnic !== undefined);
    return vnic;
  }

  #isFree(name: string): void {
    assert(!this.overlays.has(name) && !this.vnics.has(name), 'a name is one object’s');
  }
}

const interfaceOf = ({ name, mac, netns }: VnicModel): string => `${name} ${mac} ${netns}`;

/** With every default written out. */
function effective(overlay: OverlayModel): OverlayModel {
  const specs = [...OVERLAY_PROPERTIES, ...specsOf(overlay.search)];
  const defaults: Record<string, string> = {};
  for (const spec of specs) if (spec.default !== undefined) defaults[spec.name] = String(spec.default);
  return { ...overlay, properties: { ...defaults, ...overlay.properties } };
}

const effectives = ({ overlays }: Model) => new Map([...overlays].map(([name, each]) => [name, effective(each)]));

describe('a plan', () => {
  test('makes of one model the other, and no two objects ever have one name, VNI or MAC', () => {
    fc.assert(
      fc.property(models, models, (from, to) => {
        const daemon = new ModelDaemon(from);
        for (const step of steps(from, to)) daemon.take(step);
        assert.deepEqual(effectives(daemon), effectives(to));
        assert.deepEqual(daemon.vnics, to.vnics);
        assert.deepEqual([...daemon.interfaces.keys()].sort(), [...to.vnics.values()].map(interfaceOf).sort());
        for (const vnic of to.vnics.values()) assert.deepEqual(daemon.addresses.get(interfaceOf(vnic)), vnic.addresses);
      }),
      { numRuns: 2000 },
    );
  });

  test('of a model and itself is empty', () => {
    fc.assert(fc.property(models, (model) => assert.deepEqual(steps(model, model), [])));
  });

  test('names nothing that is the same in both, and makes no interface anew whose MAC and namespace stay', () => {
    fc.assert(
      fc.property(models, models, (from, to) => {
        const named = steps(from, to).map((step) =>
          'name' in step ? step.name : 'vnic' in step ? step.vnic.name : step.overlay.name,
        );
        for (const [name, overlay] of to.overlays) {
          const before = from.overlays.get(name);
          if (before !== undefined && overlayDifference(before, overlay, specsOf) === null)
            assert(!named.includes(name));
        }
        const daemon = new ModelDaemon(from);
        for (const step of steps(from, to)) daemon.take(step);
        for (const [name, vnic] of to.vnics) {
          const before = from.vnics.get(name);
          if (before === undefined) continue;
          if (vnicDifference(before, vnic).length === 0) assert(!named.includes(name));
          if (interfaceOf(before) === interfaceOf(vnic)) assert.equal(daemon.interfaces.get(interfaceOf(vnic)), 0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const OVERLAY: OverlayModel = {
  name: 'a',
  vni: 1,
  encap: 'vxlan',
  search: 'direct',
  properties: { 'vxlan/listen_ip': '10.0.0.1', 'direct/dest_ip': '10.0.0.9', 'direct/dest_port': '4790' },
  targets: new Map(),
};

function differenceOf(changes: Partial<OverlayModel>) {
  const difference = overlayDifference(OVERLAY, { ...OVERLAY, ...changes }, specsOf);
  return difference && { ...difference, put: [...difference.put], forget: [...difference.forget] };
}

const NO_DIFFERENCE = { fixed: [], properties: [], swap: [], put: [], forget: [] };

describe('a difference', () => {
  const without = (name: string) => {
    const { [name]: _, ...properties } = OVERLAY.properties;
    return properties;
  };

  test('a default that is written out is none', () => {
    assert.equal(
      differenceOf({ properties: { ...OVERLAY.properties, vlan: 'pass', 'vxlan/listen_port': '4789' } }),
      null,
    );
  });

  test('a property of the overlay that may change, also back to its default', () => {
    const properties = { ...OVERLAY.properties, mtu: '1300' };
    assert.deepEqual(differenceOf({ properties }), { ...NO_DIFFERENCE, properties: ['mtu'] });
    const back = overlayDifference({ ...OVERLAY, properties }, OVERLAY, specsOf);
    assert.deepEqual(back?.properties, ['mtu']);
  });

  test('one that is fixed makes the overlay anew, and so does its VNI', () => {
    const properties = { ...OVERLAY.properties, 'vxlan/listen_ip': '10.0.0.2' };
    assert.deepEqual(differenceOf({ vni: 2, properties })?.fixed, ['vni', 'vxlan/listen_ip']);
  });

  test('a plugin is told of what it can take, back to a default too, and swapped for all else', () => {
    const changed = differenceOf({ properties: without('direct/dest_port') });
    assert.deepEqual(changed, { ...NO_DIFFERENCE, properties: ['direct/dest_port'] });
    const files = { 'vxlan/listen_ip': '10.0.0.1', 'files/config': '/x' };
    assert.deepEqual(differenceOf({ search: 'files', properties: files }), { ...NO_DIFFERENCE, swap: ['search'] });
    const from = { ...OVERLAY, search: 'files', properties: files };
    const to = { ...from, properties: { ...files, 'files/config': '/y' } };
    assert.deepEqual(overlayDifference(from, to, specsOf)?.swap, ['files/config']);
  });

  test('an optional property without a default that goes needs another instance', () => {
    const spec = { name: 'x/token', type: 'string', required: false, mutable: true, help: '' } as const;
    const to = { ...OVERLAY, search: 'x', properties: { 'vxlan/listen_ip': '10.0.0.1' } };
    const from = { ...to, properties: { ...to.properties, 'x/token': 's' } };
    assert.deepEqual(overlayDifference(from, to, () => [spec])?.swap, ['x/token']);
    assert.deepEqual(overlayDifference(to, from, () => [spec])?.properties, ['x/token']);
  });
});
