import { parentPort, workerData } from 'node:worker_threads';
import type { ChangesChunk } from './live-database.js';
import { EngineError } from './binder.js';
import { instantiateEngine } from './crsqlite-module.js';
import {
  faultOf,
  type CopyState,
  type Operation,
  type Reply,
  type Request,
  type ThreadData,
} from './engine-messages.js';
import { FileVfs } from './file-vfs.js';
import { MergingDatabase, type MergingDatabaseOptions } from './merging-database.js';

// The program of the pool's threads: each has an instance of the engine and the documents that belong to it.

const { engine: compiled, maxOpen } = workerData as ThreadData;
const port = parentPort!;
const engine = await instantiateEngine(compiled);
const vfs = new FileVfs();
engine.registerVFS(vfs, true);

/** The documents, the least recently used first. Null: closed for the time being. */
const documents = new Map<number, { options: MergingDatabaseOptions; database: MergingDatabase | null }>();
let isBroken = false;

port.on('message', ({ id, document, operation }: Request) => {
  // The pool does again what a broken engine has not answered.
  if (isBroken) return;
  try {
    const result = work(document, operation);
    const body = operation.name === 'read' ? [(result as ChangesChunk).body.buffer as ArrayBuffer] : [];
    answer({ id, result, state: stateOf(document) }, body);
  } catch (error) {
    const fault = faultOf(error);
    // Nobody knows what is left of a file after an error of SQLite; and after a COMMIT that failed CR-SQLite believes that
    // the version was made. So the file is opened anew.
    if (error instanceof EngineError || operation.name === 'commit') discard(document);
    if (operation.name === 'open') documents.delete(document);
    if (fault === null) isBroken = true;
    answer(fault ? { id, fault } : { id, trap: String((error as Error).stack ?? error) });
  }
});

function work(document: number, operation: Operation): unknown {
  if (operation.name === 'close') return close(document);
  if (operation.name === 'open') documents.set(document, { options: operation.options, database: null });
  const database = use(document);
  switch (operation.name) {
    case 'open':
      return null;
    case 'apply':
      return database.apply(operation.body, operation.site);
    case 'commit':
      return database.commit();
    case 'rollback':
      return database.rollback();
    case 'count':
      return database.count(operation.after, operation.upTo);
    case 'read':
      return database.read(operation.after, operation.upTo);
    case 'copy':
      return database.copy(operation.target);
  }
}

/** The open database of a document; opened if it is not, and then the least recently used one is closed. */
function use(document: number): MergingDatabase {
  const known = documents.get(document);
  if (known === undefined) throw new EngineError(0, `The document ${document} is not open.`);
  documents.delete(document);
  documents.set(document, known);
  if (known.database === null) {
    makeRoom();
    known.database = new MergingDatabase(engine, vfs, known.options);
  }
  return known.database;
}

function makeRoom(): void {
  const open = [...documents.values()].filter(({ database }) => database !== null);
  const idle = open.find(({ database }) => !database!.isInTransaction);
  if (open.length < maxOpen || idle === undefined) return;
  const { database } = idle;
  idle.database = null;
  database!.close();
}

function close(document: number): void {
  const known = documents.get(document);
  documents.delete(document);
  known?.database?.close();
}

function discard(document: number): void {
  const known = documents.get(document);
  const database = known?.database;
  if (!database) return;
  known.database = null;
  try {
    database.close();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}

function stateOf(document: number): CopyState | null {
  const database = documents.get(document)?.database;
  if (!database) return null;
  const { siteId, version, sizeBytes } = database;
  return { siteId, version, sizeBytes };
}

function answer(reply: Reply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(reply, transfer);
}
