import type { DocumentRef } from '@tidemark/client';

/** The file types that the dialog offers; the server checks the content. */
const CHOSEN = '.db,.sqlite,.sqlite3,.gz';

/** Opens the browser's file dialog; null: the user canceled it. Browsers allow this only while a press is handled. */
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
    document.body.append(input); // or a browser may discard it before the user has chosen
    input.click();
  });
}

/** Makes the browser download and save a document. */
export function saveFrom(url: string, ref: DocumentRef): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = fileNameOf(ref);
  link.rel = 'noopener';
  // `download` works only for our own origin. Storage elsewhere may answer with a page, which must not replace ours.
  if (new URL(url, window.location.href).origin !== window.location.origin) link.target = '_blank';
  link.click();
}

/** The file name of a downloaded document. */
export function fileNameOf({ video_id, database }: DocumentRef): string {
  return `${video_id}-${database}.db`;
}
