import { IDBBatchAtomicVFS } from '@vlcn.io/wa-sqlite/src/examples/IDBBatchAtomicVFS.js';
import { MemoryVFS } from '@vlcn.io/wa-sqlite/src/examples/MemoryVFS.js';
import type { MarkedVersion } from './bookkeeping.js';
import type { SqlValue } from './connection.js';
import { CopyError } from './copy-error.js';
import {
  MergingCopy,
  type Acknowledgement,
  type Committed,
  type CopyState,
  type RemoteChanges,
} from './merging-copy.js';
import type { Batch, OwnRow } from './own-changes.js';
import { randomId } from '../../random-id.js';
import { rekey } from './rekey.js';
import { takeSlot, type HeldSlot } from './slots.js';
import { startWasm, type Vfs, type Wasm, type WasmSource } from './wasm.js';
import { BrokenDownloadError, writeFile } from './write-file.js';

/** Where a copy lives. */
export type CopyStorage = 'indexeddb' | 'memory';

/** How a copy is opened. */
export interface OpenCopy {
  /** What identifies the document: server, account's device, video and kind. */
  document: string;
  storage: CopyStorage;
  wasm: WasmSource;
}

/** What `open` found. */
export interface OpenedCopy {
  /** Where changes are kept: in memory, too, where nothing can be stored. */
  storage: CopyStorage;
  /** Null: there is no copy yet; download one. */
  state: CopyState | null;
}

/** A download. */
export interface Download extends MarkedVersion {
  url: string;
  epoch: number;
  /** What happens with changes of the copy that it replaces. */
  pending: 'drop' | 'replay';
}

/** The engine and one tab's copy of a document; runs in a worker. Calls must not overlap. */
export class CopyHost {
  private wasm!: Wasm;
  /** Through which the engine reads and writes. */
  private vfs!: Vfs;
  /** The same files, for methods that are called here: the engine's own would pause the engine. */
  private files!: Vfs;
  private slot: HeldSlot | null = null;
  private copy: MergingCopy | null = null;
  private path: string | null = null;

  /** @param onBytes called with the progress of a download, in bytes of the file */
  constructor(private readonly onBytes: (bytes: number, total: number) => void) {}

  /** Starts the engine, takes a slot and opens the copy in it. Called first, once. */
  async open({ document, storage, wasm }: OpenCopy): Promise<OpenedCopy> {
    this.slot = storage === 'indexeddb' ? await takeSlot(document) : null;
    this.wasm = await startWasm(wasm);
    const { slot } = this;
    this.vfs = slot ? storedFiles(slot) : new MemoryVFS();
    this.files = slot ? storedFiles(slot) : this.vfs;
    this.wasm.registerVFS(this.vfs, false);
    const file = this.slot?.record.file ?? null;
    if (file !== null) await this.use(file);
    return { storage: this.slot ? 'indexeddb' : 'memory', state: (await this.copy?.state()) ?? null };
  }

  /**
   * Downloads the document and opens it in place of the copy. Until it is complete, and has taken over the changes that are
   * to be replayed, the copy of before is the one.
   * @throws BrokenDownloadError, CopyError, TypeError or DOMException the download failed
   */
  async download({ url, epoch, version, mark, pending }: Download): Promise<CopyState> {
    const path = `/${randomId()}.db`;
    const old = { copy: this.copy, path: this.path };
    await writeFile(this.files, path, inflated(get(url)), this.onBytes);
    await rekey(this.wasm, this.vfs, path, { epoch, version, mark });
    const fresh = await MergingCopy.open(this.wasm, this.vfs, path);
    if (old.copy && pending === 'replay') {
      const isSameEpoch = (await old.copy.state()).epoch === epoch;
      await fresh.replay(await old.copy.ownRows(), isSameEpoch);
    }
    this.copy = fresh;
    this.path = path;
    const state = await fresh.state();
    await this.slot?.save({ file: path, isPending: state.pending > 0 });
    await old.copy?.close();
    if (old.path !== null) await this.files.xDelete(old.path, 1);
    return state;
  }

  state(): Promise<CopyState> {
    return this.opened().state();
  }

  all(sql: string, params: readonly SqlValue[]): Promise<Record<string, SqlValue>[]> {
    return this.opened().all(sql, params);
  }

  begin(): Promise<void> {
    return this.opened().begin();
  }

  async commit(): Promise<Committed> {
    // Noted before, so that the next visit finds the slot whatever happens now.
    if (this.slot && !this.slot.record.isPending) await this.slot.save({ isPending: true });
    return this.opened().commit();
  }

  rollback(): Promise<void> {
    return this.opened().rollback();
  }

  apply(changes: RemoteChanges): Promise<Committed> {
    return this.opened().apply(changes);
  }

  ownBatches(): Promise<Batch[]> {
    return this.opened().ownBatches();
  }

  /** Everything that is pending, for an export. */
  ownRows(): Promise<OwnRow[]> {
    return this.opened().ownRows();
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<CopyState> {
    const state = await this.opened().acknowledge(acknowledgement);
    if (this.slot?.record.isPending && state.pending === 0) await this.slot.save({ isPending: false });
    return state;
  }

  async close(): Promise<void> {
    await this.copy?.close();
    this.copy = null;
    for (const vfs of new Set([this.vfs, this.files])) await vfs.close();
    this.slot?.release();
  }

  private async use(file: string): Promise<void> {
    this.path = file;
    this.copy = await MergingCopy.open(this.wasm, this.vfs, file);
  }

  private opened(): MergingCopy {
    if (!this.copy) throw new CopyError('NOT_DOWNLOADED');
    return this.copy;
  }
}

function storedFiles({ record }: HeldSlot): Vfs {
  // Strict: the browser flushes to the disk before a commit is done.
  return new IDBBatchAtomicVFS(`tidemark-document ${record.slot}`, { durability: 'strict' });
}

/** A download that brings no byte for so long is given up. */
const STALL_MS = 10_000;

async function* get(url: string): AsyncIterable<Uint8Array> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), STALL_MS);
  try {
    const answer = await fetch(url, { signal: abort.signal });
    if (!answer.ok || !answer.body) throw new BrokenDownloadError(`it was answered ${answer.status}`);
    for await (const chunk of chunksOf(answer.body)) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(() => abort.abort(), STALL_MS);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Browsers inflate by themselves what comes with `content-encoding: gzip`; a store may have left that out. */
async function* inflated(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const whole = async function* (): AsyncIterable<Uint8Array> {
    yield first.value;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  };
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
  yield* isGzip ? chunksOf(toStream(whole()).pipeThrough(new DecompressionStream('gzip'))) : whole();
}

function toStream(chunks: AsyncIterable<Uint8Array>): ReadableStream {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const next = await iterator.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
  });
}

/** Not every browser's streams can be iterated. */
async function* chunksOf(stream: ReadableStream): AsyncIterable<Uint8Array> {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value as Uint8Array;
}
