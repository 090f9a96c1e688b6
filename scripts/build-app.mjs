// `npm run build:app`.
import { ensureAppBuilt } from './app.mjs';

await ensureAppBuilt();
