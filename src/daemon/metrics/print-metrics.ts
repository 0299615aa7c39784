/** `npm run metrics`: writes docs/metrics.md. */
import { metricsDocument } from './document.js';

process.stdout.write(metricsDocument());
