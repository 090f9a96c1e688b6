#!/usr/bin/env node
import { existsSync } from 'node:fs';

const program = new URL('../dist/main.js', import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  process.stderr.write(
    'Tidemark is not built yet: run `npm run build`, or `npm start`, which builds it too.\n',
  );
  process.exitCode = 1;
}
