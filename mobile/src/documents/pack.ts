import { SyncError } from '@tidemark/client';

const GZIP = [0x1f, 0x8b];
const SQLITE = [...'SQLite format 3'].map((letter) => letter.charCodeAt(0));

/**
 * Gzips a database for its import; a gzipped file is returned unchanged.
 * @param onRead called with the number of the file's bytes that were read so far
 * @throws SyncError when the file is not a database or cannot be read, or this browser cannot gzip
 */
export async function pack(file: Blob, onRead: (bytes: number) => void, signal: AbortSignal): Promise<Blob> {
  const head = await readHead(file);
  if (startsWith(head, GZIP)) return file;
  if (!startsWith(head, SQLITE)) throw notADatabase();
  if (typeof CompressionStream === 'undefined') throw cannotPack();
  let read = 0;
  const meter = new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      read += chunk.byteLength;
      onRead(read);
      controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
    },
  });
  const packed = file.stream().pipeThrough(meter, { signal }).pipeThrough(new CompressionStream('gzip'));
  try {
    return await new Response(packed).blob();
  } catch (cause) {
    if (signal.aborted) throw SyncError.of('CANCELED', 'Called off.');
    throw unreadable(cause);
  }
}

async function readHead(file: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.slice(0, SQLITE.length).arrayBuffer());
  } catch (cause) {
    throw unreadable(cause);
  }
}

function startsWith(bytes: Uint8Array, start: number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}

function refusal(code: string, title: string, message: string, hint: string): SyncError {
  return new SyncError(code, message, hint, 0, null, title);
}

function notADatabase(): SyncError {
  return refusal(
    'DOCUMENT_INVALID',
    'Not a database',
    'This file is neither a SQLite database nor a gzipped one.',
    'Choose a .db or .sqlite file, or one of these gzipped (.gz).',
  );
}

function cannotPack(): SyncError {
  return refusal(
    'CANNOT_PACK',
    'This browser cannot compress files',
    'A database travels gzipped, and this browser is too old to do that.',
    'Gzip the file yourself, or use a newer browser.',
  );
}

/** For example, the file was moved or changed after the user had chosen it. */
function unreadable(cause: unknown): SyncError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return refusal('FILE_UNREADABLE', 'The file cannot be read', message, 'Choose it again.');
}
