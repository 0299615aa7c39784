/** Every built-in search plugin with the backend that it is tried on. A built-in that is not here fails a test. */
import type { Subject } from 'vxlane/search/testing';
import { needsEtcd } from '../../support/etcd.js';
import { needsPrograms } from '../../support/server-process.js';
import { etcdSubject } from './etcd.js';
import { evpnSubject } from './evpn.js';
import { directSubject, filesSubject, floodSubject } from './local.js';
import { svpSubject } from './svp.js';

export interface BuiltIn {
  readonly subject: Subject & { readonly plugin: string };
  /** Why it cannot be tried here. */
  readonly skip?: string | false;
}

export const BUILT_INS: readonly BuiltIn[] = [
  { subject: directSubject },
  { subject: etcdSubject, skip: needsEtcd() },
  { subject: evpnSubject, skip: needsPrograms('gobgpd', 'gobgp') },
  { subject: filesSubject },
  { subject: floodSubject },
  { subject: svpSubject },
];
