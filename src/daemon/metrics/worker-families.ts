/** Metrics of the datapath's workers: what each counts, its thread, its queues. */
import type { WorkerView } from '../../datapath/datapath.js';
import { type Family, labelsOf } from './exposition.js';
import type { Snapshot } from './snapshot.js';

type Counter = keyof WorkerView['counters'];

/** Every counter of a worker, so that a new one does not compile before it is here. */
const COUNTED: Readonly<Record<Counter, readonly [name: string, help: string]>> = {
  encapIn: ['encap_in_frames_total', 'Frames read from VNICs'],
  encapInBytes: ['encap_in_bytes_total', 'Bytes of frames read from VNICs'],
  encapOut: ['encap_out_frames_total', 'Datagrams sent'],
  encapOutBytes: ['encap_out_bytes_total', 'Bytes of the frames in datagrams sent'],
  decapIn: ['decap_in_frames_total', 'Datagrams read from the underlay'],
  decapInBytes: ['decap_in_bytes_total', 'Bytes of datagrams read from the underlay'],
  delivered: ['delivered_frames_total', 'Frames written to VNICs'],
  deliveredBytes: ['delivered_bytes_total', 'Bytes of frames written to VNICs'],
  injected: ['injected_frames_total', 'Frames that the control thread had sent'],
  copies: ['copied_frames_total', 'Extra copies made of multicast and broadcast frames'],
  held: ['held_frames', 'Frames that wait for an answer of the search plugin'],
  heldBytes: ['held_bytes', 'Bytes of frames that wait for an answer of the search plugin'],
  upcalls: ['miss_upcalls_total', 'Times the control thread was asked for a MAC'],
  upcalled: ['proxy_upcalls_total', 'Frames handed to the control thread for a proxy'],
  learns: ['learn_upcalls_total', 'Times the control thread was told where a MAC was heard from'],
  learnSkipped: ['learn_skipped_total', 'Times it was not told: too many a second, or no room in the ring'],
  ioRefused: ['io_refused_total', 'System calls that wait or read, and failed'],
  tooBigAnswers: ['too_big_answers_total', 'ICMP answers to frames that do not fit their path'],
};

const LABELS = ['worker'] as const;

function counted([key, [name, help]]: [string, readonly [string, string]]): Family<Snapshot> {
  const type = name.endsWith('_total') ? 'counter' : 'gauge';
  return {
    ...{ name: `vxlane_worker_${name}`, type, help, labels: LABELS },
    samples: ({ workers }) => workers.map(({ counters }, worker) => [labelsOf({ worker }), counters[key as Counter]]),
  };
}

function perWorker(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (worker: WorkerView) => number | boolean,
): Family<Snapshot> {
  return {
    ...{ name: `vxlane_worker_${name}`, type, help, labels: LABELS },
    samples: ({ workers }) => workers.map((view, worker) => [labelsOf({ worker }), Number(value(view))]),
  };
}

const QUEUES = ['upcall', 'inject'] as const;

function perQueue(name: string, help: string, value: (view: WorkerView, queue: (typeof QUEUES)[number]) => number) {
  return {
    ...{ name: `vxlane_worker_${name}`, type: 'gauge', help, labels: ['worker', 'queue'] },
    note: '`queue`: `upcall`, from the worker to the control thread; `inject`, the way back.',
    *samples({ workers }: Snapshot) {
      for (const [worker, view] of workers.entries()) {
        for (const queue of QUEUES) yield [labelsOf({ worker, queue }), value(view, queue)] as const;
      }
    },
  } satisfies Family<Snapshot>;
}

function perSocket(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (queue: Snapshot['queues'][number]) => number,
): Family<Snapshot> {
  return {
    ...{ name: `vxlane_socket_${name}`, type, help, labels: ['listen', 'worker'] },
    note: '`listen`: address and port that the socket listens on.',
    samples: ({ queues }) =>
      queues.map((each) => [labelsOf({ listen: each.listen, worker: each.worker }), value(each)]),
  };
}

export const WORKER_FAMILIES: readonly Family<Snapshot>[] = [
  perWorker('running', 'gauge', '1 while its loop goes round or sleeps', ({ isRunning }) => isRunning),
  perWorker('restarts_total', 'counter', 'Threads that had to be replaced', ({ restarts }) => restarts),
  perWorker(
    'turns_total',
    'counter',
    'Turns of its loop, each a batch of frames or a look in vain',
    (view) => view.turns,
  ),
  {
    name: 'vxlane_worker_cpu_seconds_total',
    type: 'counter',
    help: 'Time that its thread was on a processor: it slept, or waited for one, for the rest',
    labels: ['worker', 'mode'],
    note: '`mode`: `user`, in compiled code and the loop; `system`, in the kernel on its behalf.',
    *samples({ workers }) {
      for (const [worker, { times }] of workers.entries()) {
        for (const [mode, seconds] of Object.entries(times ?? {})) yield [labelsOf({ worker, mode }), seconds];
      }
    },
  },
  ...Object.entries(COUNTED).map(counted),
  perQueue('queue_bytes', 'Bytes that wait in a ring of the shared memory', (view, queue) => view.waiting[queue]),
  perQueue('queue_limit_bytes', 'Bytes that the ring takes; what does not fit is dropped', (view) => view.waitingMax),
  perSocket('receive_queue_bytes', 'gauge', "Bytes that wait in the kernel's queue", ({ bytes }) => bytes),
  perSocket('receive_queue_limit_bytes', 'gauge', 'Bytes that the queue takes', ({ bytesMax }) => bytesMax),
  perSocket(
    'receive_dropped_datagrams_total',
    'counter',
    'Datagrams that the kernel dropped before vxlane saw them, most of them because the queue was full',
    ({ drops }) => drops,
  ),
];
