import type { Api } from '@tidemark/client';

/** Makes a link to a read-only scoreboard of one game. @throws SyncError */
export async function createShare(api: Api, gameId: string): Promise<{ shareId: string; url: string }> {
  const answer = await api.request<{ share_id: string; url: string }>('POST', sharesPath(gameId));
  return { shareId: answer.share_id, url: answer.url };
}

/** The links to a game that have not been withdrawn. @throws SyncError */
export async function listShares(
  api: Api,
  gameId: string,
): Promise<{ shareId: string; createdAt: number }[]> {
  const shares = await api.request<{ share_id: string; created_at: number }[]>('GET', sharesPath(gameId));
  return shares.map((share) => ({ shareId: share.share_id, createdAt: share.created_at }));
}

/** @throws SyncError */
export async function withdrawShare(api: Api, shareId: string): Promise<void> {
  await api.request('DELETE', `/shares/${encodeURIComponent(shareId)}`);
}

function sharesPath(gameId: string): string {
  return `/games/${encodeURIComponent(gameId)}/shares`;
}
