/** What `vxlane/search` publishes: the types of the contract, and the few helpers that authors would write again. */
export { formatEndpoint, parseEndpoint, parseIp, parseMac, VXLAN_PORT } from '../address.js';
export type * from './api.js';

/** Version of the contract in api.ts. It is raised when a plugin of before would no longer do. */
export const API_VERSION = 1;
