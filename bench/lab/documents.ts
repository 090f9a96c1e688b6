import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import type { TestDevice } from '../../test/support/device.js';

/** The content of a document; sizes before compression. */
export interface Filling {
  /** Bytes that do not compress. */
  randomBytes?: number;
  /** Bytes that compress like text. */
  textBytes?: number;
}

const ELEMENT_BYTES = 1_000;
const WORDS = [
  'width',
  'height',
  'color',
  'rgba(0,0,0,0.5)',
  'transition',
  'ease-in-out',
  'font',
  'Inter',
  'bold',
];

/** Locks, writes and releases a layout. @throws Error when the server refuses */
export async function writeDocument(
  device: TestDevice,
  videoId: string,
  filling: Filling = {},
): Promise<void> {
  const path = `/videos/${videoId}/database/layout`;
  const session = { session_id: 'bench' };
  const lock = await device.request('POST', `${path}/lock`, { body: { lock_type: 'client', ...session } });
  const { fencing_token, epoch, server_version } = lock.body as Record<string, number>;
  const reply = await device.request('PUT', `${path}/content`, {
    query: { ...session, fencing_token },
    headers: { 'content-type': 'application/gzip', 'if-match': `"${epoch}-${server_version}"` },
    body: packed(filling),
  });
  if (reply.status !== 200) throw new Error(`Not written: ${reply.status} ${JSON.stringify(reply.body)}`);
  await device.request('DELETE', `${path}/lock`, { query: session });
}

function packed({ randomBytes = 0, textBytes = 0 }: Filling): Buffer {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(readFileSync(join(process.cwd(), 'src/documents/kinds/layout.sql'), 'utf8'));
    database.exec('BEGIN');
    const insert = database.prepare(
      'INSERT INTO elements (id, style, thumbnail) VALUES (?, ?, randomblob(?))',
    );
    const large = 1_000_000;
    for (let left = randomBytes; left > 0; left -= large) insert.run(`r${left}`, '', Math.min(left, large));
    for (let left = textBytes; left > 0; left -= ELEMENT_BYTES) insert.run(`t${left}`, prose(left), 0);
    database.exec('COMMIT');
    return gzipSync(database.serialize(), { level: 1 });
  } finally {
    database.close();
  }
}

/** A text of words and numbers; every seed gives a different but similar one. */
function prose(seed: number): string {
  let text = '';
  for (let n = seed; text.length < ELEMENT_BYTES; n = (Math.imul(n, 1_664_525) + 1_013_904_223) >>> 0) {
    text += `${WORDS[n % WORDS.length]}:${n % 10_007};`;
  }
  return text;
}
