/** `npm run checks`: writes docs/doctor.md. */
import { doctorDocument } from './document.js';

process.stdout.write(doctorDocument());
