/** What the overlay under load and its VNICs are called. */

export const VNI = 100;
export const MESH = 'mesh0';
/** The inner interface of each host. */
export const DEVICE = 'tap0';
export const MACS = ['02:50:a4:00:00:01', '02:50:a4:00:00:02', '02:50:a4:00:00:03'] as const;
