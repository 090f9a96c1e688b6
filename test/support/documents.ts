import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import type { DocumentState } from '../../src/protocol/documents.js';
import type { Reply, TestDevice } from './device.js';

/** A session that holds the lock of one document. */
export interface Holding {
  device: TestDevice;
  videoId: string;
  kind: string;
  sessionId: string;
  fencingToken: number;
}

/** Where a document's routes are. */
export const pathOf = (videoId: string, kind = 'layout') => `/videos/${videoId}/database/${kind}`;

/** A gzipped layout with one scene per background, and so many bytes of thumbnails. */
export function packedLayout(backgrounds: string[] = ['blue'], thumbnailBytes = 0): Buffer {
  const sql = readFileSync(join(process.cwd(), 'src/documents/kinds/layout.sql'), 'utf8');
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(sql);
    const insert = database.prepare('INSERT INTO scenes (id, position, background) VALUES (?, ?, ?)');
    backgrounds.forEach((background, position) => insert.run(`scene-${position}`, position, background));
    if (thumbnailBytes > 0) {
      database
        .prepare('INSERT INTO elements (id, thumbnail) VALUES (?, randomblob(?))')
        .run('element', thumbnailBytes);
    }
    return gzipSync(database.serialize());
  } finally {
    database.close();
  }
}

/** A file's bytes, inflated if they are gzipped. */
export function unpacked(bytes: Uint8Array): Buffer {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isPacked ? gunzipSync(bytes) : Buffer.from(bytes);
}

/** The backgrounds of a layout's scenes; checks the database's integrity. @param packed gzipped, or not */
export function backgroundsIn(packed: Uint8Array): string[] {
  const database = new BetterSqlite(unpacked(packed));
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    return database.prepare('SELECT background FROM scenes ORDER BY position').pluck().all() as string[];
  } finally {
    database.close();
  }
}

/** Defines what the triggers of a merging database call, so that a test may write it without the engine: without clocks. */
export function ignoreChanges(database: BetterSqlite.Database): void {
  database.function('crsql_internal_sync_bit', () => 1);
  for (const change of ['insert', 'update', 'delete']) {
    database.function(`crsql_after_${change}`, { varargs: true }, () => 0);
  }
}

/** `POST …/lock`. */
export function lock(
  device: TestDevice,
  videoId: string,
  body: Record<string, unknown> = {},
  kind = 'layout',
): Promise<Reply> {
  return device.request('POST', `${pathOf(videoId, kind)}/lock`, {
    body: { lock_type: 'client', session_id: `session-${device.deviceId}`, ...body },
  });
}

/** Takes a lock. @throws Error when it is not granted */
export async function hold(
  device: TestDevice,
  videoId: string,
  body: Record<string, unknown> = {},
  kind = 'layout',
): Promise<Holding> {
  const reply = await lock(device, videoId, body, kind);
  if (reply.status !== 200) throw new Error(`Not granted: ${reply.status} ${JSON.stringify(reply.body)}`);
  const { session_id: sessionId, fencing_token: fencingToken } = reply.body as {
    session_id: string;
    fencing_token: number;
  };
  return { device, videoId, kind, sessionId, fencingToken };
}

/** `DELETE …/lock`. */
export function release({ device, videoId, kind, sessionId }: Holding): Promise<Reply> {
  return device.request('DELETE', `${pathOf(videoId, kind)}/lock`, { query: { session_id: sessionId } });
}

/** `PUT …/content`. @param ifMatch `<epoch>-<server_version>` */
export function putContent(
  { device, videoId, kind, sessionId, fencingToken }: Holding,
  ifMatch: string | null,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return device.request('PUT', `${pathOf(videoId, kind)}/content`, {
    query: { session_id: sessionId, fencing_token: fencingToken },
    headers: {
      'content-type': 'application/gzip',
      ...(ifMatch !== null && { 'if-match': `"${ifMatch}"` }),
      ...headers,
    },
    body,
  });
}

/** The state of a document. */
export async function documentState(
  device: TestDevice,
  videoId: string,
  kind = 'layout',
): Promise<DocumentState> {
  const reply = await device.request('GET', `${pathOf(videoId, kind)}/state`);
  expect(reply.status).toBe(200);
  return reply.body as DocumentState;
}

/** Locks, replaces the content by a layout with these backgrounds, and releases. @returns the new state */
export async function write(
  device: TestDevice,
  videoId: string,
  backgrounds: string[],
): Promise<DocumentState> {
  const holding = await hold(device, videoId);
  const { epoch, server_version } = await documentState(device, videoId);
  const reply = await putContent(holding, `${epoch}-${server_version}`, packedLayout(backgrounds));
  if (reply.status !== 200) throw new Error(`Not written: ${reply.status} ${JSON.stringify(reply.body)}`);
  await release(holding);
  return reply.body as DocumentState;
}

/** Downloads a document as a browser does. */
export async function download(device: TestDevice, videoId: string, kind = 'layout'): Promise<string[]> {
  const reply = await device.request('GET', `${pathOf(videoId, kind)}/download-url`);
  if (reply.status !== 200) throw new Error(`No address: ${reply.status} ${JSON.stringify(reply.body)}`);
  const answer = await fetch((reply.body as { url: string }).url);
  if (!answer.ok) throw new Error(`Not downloaded: ${answer.status} ${await answer.text()}`);
  return backgroundsIn(new Uint8Array(await answer.arrayBuffer()));
}
