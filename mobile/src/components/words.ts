import type { SyncState, SyncStatus } from '@tidemark/client';

/** A number of points with a real minus sign: "12", "−5". */
export function points(value: number): string {
  return value < 0 ? `−${Math.abs(value)}` : String(value);
}

/** A change of points, always with its sign: "+12", "−5", "±0". */
export function change(value: number): string {
  return value > 0 ? `+${value}` : value < 0 ? points(value) : '±0';
}

/** "1 game", "3 games". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`;
}

/** How long ago: "just now", "5 min ago", "3 h ago", "on Nov 4". */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `on ${day(at)}`;
}

/** "Nov 4", with the year if it is not this year. */
export function day(at: number): string {
  const date = new Date(at);
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return date.toLocaleDateString('en-US', {
    month: 'short',
    day: 'numeric',
    year: isThisYear ? undefined : 'numeric',
  });
}

/** "12 s", "3 min". */
export function duration(seconds: number): string {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

/** "340 KB", "2.1 MB". */
export function size(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.ceil(bytes / 1000)} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The word beside the status light. */
export const stateWords: Record<SyncState, string> = {
  disconnected: 'Offline',
  connecting: 'Connecting',
  catching_up: 'Catching up',
  syncing: 'Sending',
  synced: 'Synced',
  attention: 'Needs you',
  stuck: 'Stuck',
  incompatible: 'Paused',
};

/** What the status light means, in a sentence. */
export function describeState(status: SyncStatus): string {
  const waiting = status.pending > 0 ? `${count(status.pending, 'change')} waiting to be sent.` : '';
  switch (status.state) {
    case 'disconnected':
      return `No connection. Everything is saved on this device. ${waiting}`.trim();
    case 'connecting':
      return `Connecting to the server. ${waiting}`.trim();
    case 'catching_up':
      return `The server has something that is not here yet. ${waiting}`.trim();
    case 'syncing':
      return `Nothing is missing here. ${waiting}`.trim();
    case 'synced':
      return 'Everything here is on the server, and everything there is here.';
    case 'attention':
      return `The server did not take ${count(status.refused.length, 'entry', 'entries')}.`;
    case 'stuck':
      return `Syncing does not work at the moment. ${waiting}`.trim();
    case 'incompatible':
      return `Syncing is paused until something is decided. ${waiting}`.trim();
  }
}

/** The progress of a long sync: "Loading 4,200 of 10,000 · about 3 s left". */
export function describeProgress(progress: NonNullable<SyncStatus['progress']>): string {
  const verb = { download: 'Loading', apply: 'Putting in place', upload: 'Sending' }[progress.phase];
  const { rows, totalRows, bytes, totalBytes, secondsLeft } = progress;
  const amount =
    totalRows !== null
      ? `${rows.toLocaleString('en-US')} of ${count(totalRows, 'row')}`
      : totalBytes !== null
        ? `${size(bytes)} of ${size(totalBytes)}`
        : size(bytes);
  const left = secondsLeft === null ? '' : ` · about ${duration(secondsLeft)} left`;
  return `${verb} ${amount}${left}`;
}

/** The progress of a long sync, 0 to 1; null: unknown. */
export function progressShare(progress: NonNullable<SyncStatus['progress']>): number | null {
  const { phase, rows, totalRows, bytes, totalBytes } = progress;
  if (phase !== 'upload' && totalRows) return Math.min(1, rows / totalRows);
  if (totalBytes) return Math.min(1, bytes / totalBytes);
  return totalRows ? Math.min(1, rows / totalRows) : null;
}

/** The message to the user about a failure. */
export function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : 'That did not work. Please try again.';
}
