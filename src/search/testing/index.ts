/** What `vxlane/search/testing` publishes: the suite that every search plugin passes. docs/plugins.md shows its use. */
export { ConformanceError } from './complaint.js';
export { conformance } from './conformance.js';
export type { Backend, Case, Subject } from './subject.js';
