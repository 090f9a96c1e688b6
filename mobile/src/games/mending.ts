import { Q, type Database } from '@nozbe/watermelondb';
import type { Column } from '../../../src/protocol/columns';
import { tables } from '../../../src/protocol/tables';
import type { Tables } from '../../../src/protocol/schema';
import { assign } from './settle';

/** A text of a refused row that can be shortened. */
export interface LongText {
  column: string;
  text: string;
  maxLength: number;
}

/** The texts of a row that are too long; all its texts if none is, because the server may have smaller limits. */
export async function findLongTexts(database: Database, table: string, id: string): Promise<LongText[]> {
  const [record] = await database.get(table).query(Q.where('id', id)).fetch();
  const columns: Record<string, Column> = (tables as Tables)[table]?.columns ?? {};
  if (!record) return [];
  const texts = Object.entries(columns).flatMap(([column, { maxLength, references }]) => {
    const text = record._getRaw(column);
    const isFreeText = typeof text === 'string' && maxLength !== undefined && references === undefined;
    return isFreeText ? [{ column, text, maxLength }] : [];
  });
  const tooLong = texts.filter(({ text, maxLength }) => text.length > maxLength);
  return tooLong.length > 0 ? tooLong : texts;
}

/** Writes a shorter text; the row is then pushed again. */
export async function shortenText(
  database: Database,
  table: string,
  id: string,
  column: string,
  text: string,
): Promise<void> {
  await database.write(async () => {
    const record = await database.get(table).find(id);
    await record.update((model) => assign(model, { [column]: text }));
  });
}

/** Removes a row from this device that the server never had. */
export async function dropEntry(database: Database, table: string, id: string): Promise<void> {
  await database.write(async () => {
    const record = await database.get(table).find(id);
    await record.destroyPermanently();
  });
}
