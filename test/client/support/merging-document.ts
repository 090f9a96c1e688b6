import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MemoryVFS } from '@vlcn.io/wa-sqlite/src/examples/MemoryVFS.js';
import { Connection } from '../../../client/src/documents/copy/connection.js';
import { CopyHost } from '../../../client/src/documents/copy/copy-host.js';
import { startWasm } from '../../../client/src/documents/copy/wasm.js';

/** The engine's file, which Node cannot fetch. */
export const wasmFile = readFileSync(
  createRequire(join(process.cwd(), 'package.json')).resolve('@vlcn.io/wa-sqlite/dist/crsqlite.wasm'),
);

/** The file of a document as a server gives it out: merging tables, rows without clocks. */
export async function mergingDocument(
  name: 'captions' | 'layout',
  statements: string[] = [],
): Promise<Buffer> {
  const wasm = await startWasm({ binary: wasmFile });
  const vfs = new MemoryVFS();
  wasm.registerVFS(vfs, false);
  const db = await Connection.open(wasm, vfs, '/made.db');
  const sql = readFileSync(join(process.cwd(), `src/documents/kinds/${name}.sql`), 'utf8').replace(
    /--.*/g,
    '',
  );
  const kind = sql.match(/\s*CREATE TRIGGER[^]*?END;|[^;]+;/g)!.map((one) => one.trim());
  for (const statement of [...kind, ...statements]) await db.all(statement);
  const tables = name === 'captions' ? ['cues', 'speakers'] : ['scenes', 'elements'];
  for (const table of tables) {
    await db.all(`SELECT crsql_as_crr('${table}')`);
    await db.all(`DELETE FROM ${table}__crsql_clock`);
    await db.all(`DELETE FROM ${table}__crsql_pks`);
  }
  await db.all("INSERT INTO crsql_master VALUES ('pre_compact_dbversion', 1)");
  await db.value('SELECT crsql_finalize()');
  await db.close();
  const files = vfs as unknown as { mapNameToFile: Map<string, { data: ArrayBuffer; size: number }> };
  const { data, size } = files.mapNameToFile.get('/made.db')!;
  return Buffer.from(new Uint8Array(data, 0, size));
}

/** Serves files until it is disposed of. */
export class FileServer implements AsyncDisposable {
  private readonly files = new Map<string, { body: Buffer; encoding: string | null }>();
  private readonly server = createServer((request, response) => {
    const file = this.files.get(request.url!);
    response.statusCode = file ? 200 : 404;
    if (file?.encoding) response.setHeader('content-encoding', file.encoding);
    response.end(file?.body);
  });

  static async start(): Promise<FileServer> {
    const files = new FileServer();
    await new Promise<void>((resolve) => files.server.listen(0, '127.0.0.1', resolve));
    return files;
  }

  /** @param way how it is sent; `packed`: gzipped, but the header does not say so @returns where it is */
  add(file: Buffer, way: 'plain' | 'gzip' | 'packed' = 'gzip'): string {
    const name = `/${this.files.size}.db`;
    const body = way === 'plain' ? file : gzipSync(file);
    this.files.set(name, { body, encoding: way === 'gzip' ? 'gzip' : null });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A copy in memory, as the worker keeps it, downloaded from an address. */
export async function downloadedCopy(url: string, epoch = 1): Promise<CopyHost> {
  const host = new CopyHost(() => undefined);
  await host.open({ document: 'test', storage: 'memory', wasm: { binary: wasmFile } });
  await host.download({ url, epoch, version: 1, mark: 'm1', pending: 'drop' });
  return host;
}

/** Runs statements in one transaction of a copy. */
export async function write(
  host: CopyHost,
  ...statements: [sql: string, ...params: unknown[]][]
): Promise<void> {
  await host.begin();
  for (const [sql, ...params] of statements) await host.all(sql, params as never[]);
  await host.commit();
}
