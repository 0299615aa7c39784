/** `npm run events`: writes docs/events.md. */
import { eventsDocument } from './document.js';

process.stdout.write(eventsDocument());
