/** `npm run schema`: writes the JSON Schema of configuration files, which the package ships for editors. */
import { plugins } from '../search/registry.js';
import { configurationSchema } from './schema.js';

process.stdout.write(`${JSON.stringify(configurationSchema(plugins.values()), null, 2)}\n`);
