/** What the border knows of the datapath, as a list: endpoints that the test names, and the routes they were given. */
import type { Endpoint } from '../../../src/address.js';
import type { BorderDatapath } from '../../../src/daemon/underlay/border.js';
import type { EndpointIndex, PathMtu, Route, SocketIndex, UnderlayTapConfig } from '../../../src/datapath/types.js';

export type Interned = [index: EndpointIndex, endpoint: Endpoint, socket: SocketIndex];

export class RouteList implements BorderDatapath {
  readonly workers = 1;
  readonly routes = new Map<EndpointIndex, Route | null>();
  readonly paths = new Map<EndpointIndex, PathMtu | null>();
  tap: UnderlayTapConfig | null = null;
  onUnderlayTapGone = () => {};
  known: Interned[] = [];
  new: Interned[] = [];

  setUnderlayTap(config: UnderlayTapConfig): void {
    this.tap = config;
  }

  async removeUnderlayTap(): Promise<void> {
    this.tap = null;
  }

  endpoints() {
    return this.known;
  }

  endpointAt(index: EndpointIndex) {
    return this.known.find(([each]) => each === index) ?? null;
  }

  setPathMtu(endpoint: EndpointIndex, path: PathMtu | null): void {
    this.paths.set(endpoint, path);
  }

  takeNewEndpoints(most: number) {
    return this.new.splice(0, most);
  }

  setRoute(endpoint: EndpointIndex, route: Route | null): void {
    this.routes.set(endpoint, route);
  }
}
