// `npm run format`: rewrites every file to the common format.
import { ensureInstalled, runBin } from './setup.mjs';

await ensureInstalled();
process.exitCode = runBin('prettier', 'prettier', ['--write', '.', '--log-level', 'warn']);
