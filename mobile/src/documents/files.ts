import type { DocumentRef } from './documents-api';

/** What the page offers to choose from; the server checks what it really is. */
const CHOSEN = '.db,.sqlite,.sqlite3,.gz';

/** Has the person choose a file, in a browser; null: they thought better of it. To be called while a press is handled. */
export function chooseFile(): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = CHOSEN;
    input.hidden = true;
    const end = (file: File | null): void => {
      input.remove();
      resolve(file);
    };
    input.onchange = () => end(input.files?.[0] ?? null);
    input.oncancel = () => end(null);
    document.body.append(input); // or a browser may throw it away before the person has chosen
    input.click();
  });
}

/** Has the browser save what is at an address. */
export function saveFrom(url: string, ref: DocumentRef): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = fileNameOf(ref);
  link.rel = 'noopener';
  // Only the server's own addresses keep the page open for certain: storage elsewhere may answer with a page of its own.
  if (new URL(url, window.location.href).origin !== window.location.origin) link.target = '_blank';
  link.click();
}

/** What a downloaded document is called. */
export function fileNameOf({ video_id, database }: DocumentRef): string {
  return `${video_id}-${database}.db`;
}
