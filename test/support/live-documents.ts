import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import type { TestDevice } from './device.js';
import { documentState, hold, putContent, release, type Holding } from './documents.js';

/** A gzipped database of captions with one cue for each text. */
export function packedCaptions(texts: string[] = ['Hello']): Buffer {
  const sql = readFileSync(join(process.cwd(), 'src/documents/kinds/captions.sql'), 'utf8');
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(sql);
    const insert = database.prepare('INSERT INTO cues (id, start_ms, text) VALUES (?, ?, ?)');
    texts.forEach((text, at) => insert.run(`cue-${at}`, at * 1_000, text));
    return gzipSync(database.serialize());
  } finally {
    database.close();
  }
}

/** How captions are stored. */
interface CaptionsOptions {
  texts?: string[];
  /** A lock that is held already; it stays. */
  holding?: Holding;
  /** Whether a lock that is taken for it stays. */
  keepsLock?: boolean;
}

/** Stores captions as a new epoch. @returns the lock's holding, which has ended unless it was to stay */
export async function captions(
  device: TestDevice,
  videoId: string,
  { texts, holding, keepsLock = false }: CaptionsOptions = {},
): Promise<Holding> {
  const held = holding ?? (await hold(device, videoId, {}, 'captions'));
  const { epoch, server_version } = await documentState(device, videoId, 'captions');
  const reply = await putContent(held, `${epoch}-${server_version}`, packedCaptions(texts));
  if (reply.status !== 200) throw new Error(`Not stored: ${reply.status} ${JSON.stringify(reply.body)}`);
  if (!holding && !keepsLock) await release(held);
  return held;
}
