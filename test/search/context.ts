/** A plugin's host that writes down what it is told. */
import type { PluginContext } from '../../src/search/api.js';

export interface RecordingContext extends PluginContext {
  /** Calls of the context but logging, oldest first: `put de:ad:be:ef:00:01 10.0.0.1:4789`. */
  readonly calls: string[];
  /** `warn text`, … */
  readonly logged: string[];
  abort(): void;
}

export function recordingContext(): RecordingContext {
  const calls: string[] = [];
  const logged: string[] = [];
  const controller = new AbortController();
  const log = (level: string) => (message: string) => void logged.push(`${level} ${message}`);
  return {
    vni: 23,
    calls,
    logged,
    signal: controller.signal,
    abort: () => controller.abort(),
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    put: (mac, target) => calls.push(`put ${mac} ${target === 'drop' ? target : `${target.ip}:${target.port}`}`),
    withdraw: (mac) => calls.push(`withdraw ${mac}`),
    moved: (ip, mac) => calls.push(`moved ${ip} ${mac}`),
    degrade: (reason) => calls.push(`degrade ${reason}`),
    restore: () => calls.push('restore'),
  };
}

/** A lookup of `mac` as the datapath would ask it. */
export function query(mac: string) {
  return Object.freeze({ vni: 23, mac, sourceMac: '02:00:00:00:00:99', etherType: 0x0800, vlan: 0 });
}
