import type { Database } from '@nozbe/watermelondb';

const KEY = 'tidemark_share_links';

/** The links to shared scoreboards made on this device, by share id; the server returns each link only once. */
export async function readShareLinks(database: Database): Promise<Record<string, string>> {
  return (await database.localStorage.get<Record<string, string>>(KEY)) ?? {};
}

/** Remembers a link. */
export async function keepShareLink(database: Database, shareId: string, url: string): Promise<void> {
  await database.localStorage.set(KEY, { ...(await readShareLinks(database)), [shareId]: url });
}

/** Forgets a link that was withdrawn. */
export async function forgetShareLink(database: Database, shareId: string): Promise<void> {
  const { [shareId]: _, ...others } = await readShareLinks(database);
  await database.localStorage.set(KEY, others);
}

/** Forgets every link. */
export async function forgetShareLinks(database: Database): Promise<void> {
  await database.localStorage.remove(KEY);
}
