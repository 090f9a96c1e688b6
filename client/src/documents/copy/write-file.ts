import type { Vfs } from './wasm.js';

const OPEN_MAIN_DB_CREATE = 0x100 | 0x2 | 0x4;
/** Any number that is no file's of the engine, whose numbers are pointers. */
const FILE_ID = 1;
const HEADER_BYTES = 100;
/** After so many bytes it waits until they are stored, so that not all of the file is in memory. */
const SYNC_BYTES = 4 << 20;

/** The file that comes is no SQLite database, or not all of one. */
export class BrokenDownloadError extends Error {
  override readonly name = 'BrokenDownloadError';
}

/**
 * Writes a SQLite file page by page, while it comes, through the methods of a VFS. The first page is written last: whatever
 * happens in between, SQLite does not take for a database what lies there.
 * @param onBytes called with the bytes stored, and of how many (by the file's own header)
 * @throws BrokenDownloadError
 */
export async function writeFile(
  vfs: Vfs,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number, total: number) => void,
): Promise<number> {
  check(await vfs.xDelete(path, 1));
  check(await vfs.xOpen(path, FILE_ID, OPEN_MAIN_DB_CREATE, new DataView(new ArrayBuffer(4))));
  try {
    let first: Uint8Array | null = null;
    let size = { page: 0, file: 0 };
    let [offset, synced] = [0, 0];
    let rest = new Uint8Array(0);
    for await (const chunk of chunks) {
      rest = rest.length === 0 ? new Uint8Array(chunk) : joined(rest, chunk);
      if (size.page === 0 && rest.length >= HEADER_BYTES) size = sizeIn(rest);
      let start = 0;
      for (; size.page > 0 && rest.length - start >= size.page; start += size.page) {
        const page = rest.slice(start, start + size.page);
        if (offset === 0) first = page;
        else check(await vfs.xWrite(FILE_ID, page, offset));
        offset += size.page;
      }
      rest = rest.slice(start);
      if (offset - synced >= SYNC_BYTES) {
        check(await vfs.xSync(FILE_ID, 0));
        synced = offset;
        onBytes(offset, size.file);
      }
    }
    if (!first || rest.length > 0 || offset !== size.file) {
      throw new BrokenDownloadError(`${offset + rest.length} bytes came of ${size.file}`);
    }
    check(await vfs.xSync(FILE_ID, 0));
    check(await vfs.xWrite(FILE_ID, first, 0));
    check(await vfs.xSync(FILE_ID, 0));
    onBytes(offset, size.file);
    return offset;
  } finally {
    await vfs.xClose(FILE_ID);
  }
}

/** The sizes that a file's header tells. */
function sizeIn(header: Uint8Array): { page: number; file: number } {
  const name = new TextDecoder().decode(header.subarray(0, 15));
  if (name !== 'SQLite format 3') throw new BrokenDownloadError('what came is no SQLite database');
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
  const page = view.getUint16(16) === 1 ? 65_536 : view.getUint16(16);
  return { page, file: page * view.getUint32(28) };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function check(code: number): void {
  if (code !== 0) throw new Error(`the browser’s storage failed (${code})`);
}
