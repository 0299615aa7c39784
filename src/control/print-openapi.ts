/** `npm run openapi`: writes the control API's description, which the package ships. */
import { openApiDocument } from './openapi.js';

process.stdout.write(`${JSON.stringify(openApiDocument(), null, 2)}\n`);
