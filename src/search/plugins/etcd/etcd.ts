/**
 * The `etcd` plugin: one key a MAC under a prefix of an etcd cluster, its value the entry that a `files` file would
 * have. docs/etcd.md is its manual.
 */
import type { DynamicPlugin } from '../../api.js';
import { EtcdInstance } from './instance.js';
import { RegisteringInstance } from './registering.js';
import { PROPERTIES } from './settings.js';

export const etcd: DynamicPlugin = {
  name: 'etcd',
  mode: 'dynamic',
  properties: PROPERTIES,
  create: (context, values) =>
    values['etcd/register'] === 'true' ? new RegisteringInstance(context, values) : new EtcdInstance(context, values),
};
