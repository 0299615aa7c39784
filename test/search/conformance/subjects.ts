/** Every built-in search plugin with the backend that it is tried on. A built-in that is not here fails a test. */
import type { Subject } from 'vxlane/search/testing';
import { directSubject, filesSubject } from './local.js';
import { svpSubject } from './svp.js';

export const SUBJECTS: readonly (Subject & { readonly plugin: string })[] = [directSubject, filesSubject, svpSubject];
