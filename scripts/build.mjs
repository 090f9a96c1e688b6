// `npm run build`.
import { ensureBuilt, ensureInstalled } from './setup.mjs';

await ensureInstalled();
ensureBuilt();
