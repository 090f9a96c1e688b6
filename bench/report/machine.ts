import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { makeScratchDir } from '../../test/support/scratch.js';
import { median } from '../alternate.js';

const PACKAGES = ['@nestjs/core', 'fastify', 'typeorm', 'better-sqlite3', 'pg', 'autocannon'];
const FLUSHES = 100;

/** The properties that the figures depend on. */
export type Machine = [label: string, value: string][];

/** Describes this machine and the versions of everything that runs. */
export async function describeMachine(): Promise<Machine> {
  const [cpu] = cpus();
  const memory = new BetterSqlite(':memory:');
  const sqlite = memory.prepare('SELECT sqlite_version()').pluck().get() as string;
  memory.close();
  return [
    ['Processor', `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`],
    ['Memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['System', `${platform()} ${release()}, ${arch()}`],
    [
      'Load when the run began',
      loadavg()
        .map((load) => load.toFixed(1))
        .join(', '),
    ],
    ['One write of 4 KiB and fsync', `${(measureFlush() * 1_000).toFixed(0)} µs (median of ${FLUSHES})`],
    ['Node', process.versions.node],
    ['SQLite', sqlite],
    ...PACKAGES.map((name): [string, string] => [name, versionOf(name)]),
  ];
}

function versionOf(name: string): string {
  const text = readFileSync(join('node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The time of one flush to the databases' disk, in ms: every commit waits for at least one. */
function measureFlush(): number {
  const folder = makeScratchDir('flush', true);
  const file = openSync(join(folder, 'file'), 'w');
  const block = Buffer.alloc(4_096);
  const times = Array.from({ length: FLUSHES }, () => {
    const startedAt = performance.now();
    writeSync(file, block);
    fsyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return median(times);
}
