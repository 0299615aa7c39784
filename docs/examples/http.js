/**
 * A directory over HTTP says where MACs are. GET URL/mac/de:ad:be:ef:00:01 answers {"ip":"10.88.88.70","port":4789},
 * GET URL/ip/10.55.55.3 (or URL/ip/fe80::4) answers {"mac":"de:ad:be:ef:00:01"}; 404: there is none.
 * @type {import('vxlane/search').DynamicPlugin}
 */
export default {
  name: 'http',
  mode: 'dynamic',
  properties: [
    { name: 'http/url', type: 'string', required: true, help: 'URL of the directory' },
    { name: 'http/ttl', type: 'uint', required: false, default: 30, range: [1, 86400], help: 'life of answers, s' },
  ],
  create({ signal, degrade, restore }, values) {
    const base = String(values['http/url']);
    const ttl = Number(values['http/ttl']) * 1000;
    async function get(/** @type {string} */ path) {
      try {
        const ends = AbortSignal.any([signal, AbortSignal.timeout(2500)]); // the host waits for 3 s
        const response = await fetch(`${base}/${path}`, { signal: ends });
        const text = await response.text();
        if (!response.ok && response.status !== 404) throw new Error(`it answers ${response.status}`);
        restore();
        return response.ok ? JSON.parse(text) : null;
      } catch (/** @type {any} */ thrown) {
        degrade(`http/url=${base}: ${thrown.cause ?? thrown}`);
        throw thrown;
      }
    }
    return {
      start() {
        if (!/^https?:/.test(base) || !URL.canParse(base)) throw new Error(`http/url=${base}: expected http://…`);
      },
      stop() {}, // `signal` has ended what was under way
      lookup: async ({ mac }) => ((target) => target && { target, ttl })(await get(`mac/${mac}`)),
      arp: (ip) => get(`ip/${ip}`),
      ndp: (ip) => get(`ip/${ip}`),
    };
  },
};
