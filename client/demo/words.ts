import type { Progress, SyncState, SyncStatus } from '../src/documents/open-document.js';

/** The states of the light in one word or two. */
export const stateWords: Record<SyncState, string> = {
  disconnected: 'Offline',
  connecting: 'Connecting',
  catching_up: 'Catching up',
  syncing: 'Sending',
  synced: 'In step',
  attention: 'Attention',
  stuck: 'Stuck',
  incompatible: 'Stopped',
};

/** The status in a sentence. */
export function sentence({ state, pending }: SyncStatus, isHolder: boolean): string {
  const cells = `${pending} ${pending === 1 ? 'change' : 'changes'}`;
  switch (state) {
    case 'disconnected':
      return pending > 0 ? `No connection. ${cells} wait in this browser.` : 'No connection to the server.';
    case 'connecting':
      return 'Connecting to the server …';
    case 'catching_up':
      return 'Fetching what others have changed …';
    case 'syncing':
      return `${cells} on the way to the server.`;
    case 'synced':
      return isHolder ? 'Everything here is stored on the server.' : 'This is what the server has, live.';
    case 'attention':
      return `${cells} cannot go to the server yet.`;
    case 'stuck':
      return 'The server can be reached, but syncing does not work.';
    case 'incompatible':
      return 'This copy and the server no longer fit together.';
  }
}

/** How far a long download or upload is, in words. */
export function progressText({ phase, rows, totalRows, bytes, totalBytes, secondsLeft }: Progress): string {
  const work = { download: 'Receiving', apply: 'Merging', upload: 'Sending' }[phase];
  const parts = [
    totalRows ? `${rows.toLocaleString()} of ${totalRows.toLocaleString()} changes` : null,
    bytes > 0 ? (totalBytes ? `${size(bytes)} of ${size(totalBytes)}` : size(bytes)) : null,
    secondsLeft !== null ? `${secondsLeft} s left` : null,
  ];
  return [work, parts.filter(Boolean).join(', ')].join(': ');
}

/** A number of bytes for people: `1.2 MB`. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
