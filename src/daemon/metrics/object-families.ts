/** Metrics of overlays, VNICs, search plugins and endpoints: each of them has its own samples. */
import type { Family, Sample } from './exposition.js';
import { ENDPOINTS_SHOWN, type EndpointRow, type OverlayRow, type Snapshot, type VnicRow } from './snapshot.js';

type Type = Family<Snapshot>['type'];

interface Kind<Row> {
  readonly prefix: string;
  readonly labels: readonly string[];
  readonly rows: (seen: Snapshot) => readonly Row[];
  readonly labelsOf: (row: Row) => string;
}

const overlays: Kind<OverlayRow> = {
  prefix: 'vxlane_overlay',
  labels: ['overlay'],
  rows: (seen) => seen.overlays,
  labelsOf: ({ labels }) => labels,
};
const plugins: Kind<OverlayRow> = {
  ...overlays,
  prefix: 'vxlane_plugin',
  labels: ['overlay', 'plugin'],
  labelsOf: ({ pluginLabels }) => pluginLabels,
};
const vnics: Kind<VnicRow> = {
  prefix: 'vxlane_vnic',
  labels: ['overlay', 'vnic'],
  rows: (seen) => seen.vnics,
  labelsOf: ({ labels }) => labels,
};
const endpoints: Kind<EndpointRow> = {
  prefix: 'vxlane_endpoint',
  labels: ['endpoint'],
  rows: (seen) => seen.endpoints,
  labelsOf: ({ labels }) => labels,
};

/** `value`: null where there is nothing to say. */
function family<Row>(
  kind: Kind<Row>,
  name: string,
  type: Type,
  help: string,
  value: (row: Row) => number | boolean | null,
): Family<Snapshot> {
  return {
    ...{ name: `${kind.prefix}_${name}`, type, help, labels: kind.labels },
    // Not a generator: that would take twice the time.
    samples(seen) {
      const samples: Sample[] = [];
      for (const row of kind.rows(seen)) {
        const found = value(row);
        if (found !== null) samples.push([kind.labelsOf(row), Number(found)]);
      }
      return samples;
    },
  };
}

const count = <Row>(kind: Kind<Row>, name: string, help: string, value: (row: Row) => number | null) =>
  family(kind, `${name}_total`, 'counter', help, value);
const gauge = <Row>(kind: Kind<Row>, name: string, help: string, value: (row: Row) => number | boolean | null) =>
  family(kind, name, 'gauge', help, value);

export const OBJECT_FAMILIES: readonly Family<Snapshot>[] = [
  {
    name: 'vxlane_overlay_info',
    type: 'gauge',
    help: 'What an overlay is; always 1',
    labels: ['overlay', 'vni', 'search'],
    samples: ({ overlays: rows }) => rows.map(({ info }) => [info, 1]),
  },
  gauge(overlays, 'online', '1 while all is well with the overlay, 0 while it is DEGRADED', (row) => row.isOnline),
  gauge(overlays, 'serving', '1 while its socket is open and its search plugin runs', (row) => row.isServing),
  gauge(overlays, 'peers', 'Underlay addresses that the overlay sends to', (row) => row.peers),
  gauge(overlays, 'mtu_bytes', 'MTU of the overlay and its VNICs', (row) => row.mtu),
  count(overlays, 'encap_frames', 'Datagrams sent for the overlay', (row) => row.encap.frames),
  count(overlays, 'encap_bytes', 'Bytes of the frames in them', (row) => row.encap.bytes),
  count(overlays, 'decap_frames', 'Datagrams received for the overlay', (row) => row.decap.frames),
  count(overlays, 'decap_bytes', 'Bytes of the frames in them', (row) => row.decap.bytes),
  count(overlays, 'fragmented_datagrams', 'Datagrams received in fragments and not dropped for it', (row) => {
    return row.fragments;
  }),
  {
    name: 'vxlane_overlay_dropped_frames_total',
    type: 'counter',
    help: 'Frames of the overlay that were dropped, by reason; a reason that has never been met is left out',
    labels: ['overlay', 'reason'],
    *samples(seen) {
      for (const { labels, drops } of seen.overlays) {
        for (const [reason, frames] of Object.entries(drops)) yield [`${labels},reason="${reason}"`, frames];
      }
    },
  },
  count(plugins, 'questions', 'Questions to the search plugin of the overlay', (row) => row.plugin.questions),
  count(plugins, 'faults', 'Questions that failed', (row) => row.plugin.faults),
  count(plugins, 'timeouts', 'Questions that failed for want of an answer', (row) => row.plugin.timeouts),
  count(plugins, 'deaths', 'Instances that ended by themselves, or were given up', (row) => row.plugin.deaths),
  gauge(vnics, 'up', '1 while frames flow through the VNIC', (row) => row.isUp),
  count(vnics, 'transmit_frames', 'Frames that were read from its interface', (row) => row.tx.frames),
  count(vnics, 'transmit_bytes', 'Bytes of them', (row) => row.tx.bytes),
  count(vnics, 'receive_frames', 'Frames that were written to its interface', (row) => row.rx.frames),
  count(vnics, 'receive_bytes', 'Bytes of them', (row) => row.rx.bytes),
  count(vnics, 'dropped_frames', 'Frames from its interface that were dropped', (row) => row.drops),
  count(vnics, 'expected_dropped_frames', 'Those of them whose reason says nothing of trouble', (row) => {
    return row.expectedDrops;
  }),
  count(
    endpoints,
    'encap_frames',
    `Datagrams sent to a VTEP, of ${ENDPOINTS_SHOWN} VTEPs at most`,
    (row) => row.encap.frames,
  ),
  count(endpoints, 'encap_bytes', 'Bytes of the frames in them', (row) => row.encap.bytes),
  count(endpoints, 'decap_frames', 'Datagrams received from its address', (row) => row.decap.frames),
  count(endpoints, 'decap_bytes', 'Bytes of the frames in them', (row) => row.decap.bytes),
  count(
    endpoints,
    'dropped_frames',
    'Frames for it that were dropped: too long for its path, or not taken by the kernel',
    (row) => row.drops,
  ),
  gauge(endpoints, 'heard_seconds', 'Since something came from it; left out while nothing has', (row) => {
    return row.heardSeconds;
  }),
  gauge(endpoints, 'silent', '1 while it is sent to and neither sends nor answers, and was heard before', (row) => {
    return row.isSilent;
  }),
  gauge(
    endpoints,
    'path_mtu_bytes',
    'What a router on the way has said that it takes; left out while none has',
    (row) => {
      return row.pathMtu;
    },
  ),
];
