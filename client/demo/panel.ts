import type { DocumentState } from '../../src/protocol/documents.js';
import type { SyncStatus } from '../src/documents/open-document.js';
import { versionText } from '../src/index.js';
import { progressText, sentence, size, stateWords } from './words.js';

/** An element of the page by its id. */
export function part<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Shows how this tab stands with the server. */
export function showStatus(status: SyncStatus, isHolder: boolean): void {
  Object.assign(part('light').dataset, { light: status.light, state: status.state });
  setText('light-word', stateWords[status.state]);
  setText('pending', String(status.pending));
  part('pending').hidden = status.pending === 0;
  part('pending').title = `${status.pending} changes pending`;
  setText('state', sentence(status, isHolder));
  const { reason, progress } = status;
  setText('reason', reason ? `${reason.message} ${reason.hint}` : '');
  part('reason').hidden = reason === null;
  showWays(status);
  part('progress').hidden = progress === null;
  if (!progress) return;
  setText('progress-text', progressText(progress));
  const bar = part<HTMLProgressElement>('progress-bar');
  const { rows, totalRows, bytes, totalBytes } = progress;
  if (totalRows) bar.value = rows / totalRows;
  else if (totalBytes) bar.value = bytes / totalBytes;
  else bar.removeAttribute('value');
}

/** Without pending changes there is one way to start over. */
function showWays({ state, pending }: SyncStatus): void {
  part('ways').hidden = state !== 'stuck' && state !== 'incompatible';
  for (const button of part('ways').querySelectorAll('button')) {
    if (button.dataset.pending !== 'discard') button.hidden = pending === 0;
    else button.textContent = pending === 0 ? 'Start over from the server' : 'Start over without my changes';
  }
}

/** Shows who edits, and what can be done about it. @param state null: the server has not been asked yet, or does not answer */
export function showHolder(state: DocumentState | null, isHolder: boolean, isBusy: boolean): void {
  const lock = state?.lock ?? null;
  const hold = part<HTMLButtonElement>('hold');
  part('release').hidden = !isHolder;
  hold.hidden = isHolder;
  hold.disabled = isBusy;
  hold.textContent = lock && !lock.mine ? `Take over from ${lock.holder.name}` : 'Edit here';
  if (isHolder) setText('holder', 'You edit here.');
  else if (!lock) setText('holder', state ? 'Nobody edits.' : 'Who edits is not known at present.');
  else if (lock.mine) setText('holder', 'Another tab of this browser edits.');
  else setText('holder', `${lock.holder.name} edits${lock.reason ? `: ${lock.reason}` : ''}.`);
}

/** Shows what the server has of the document. @param state null: the server does not answer */
export function showStored(state: DocumentState | null): void {
  const facts: [string, string][] = state
    ? [
        ['Version', state.exists ? versionText(state) : 'none yet'],
        ['In object storage', state.stored_version ? versionText(state.stored_version) : 'not yet'],
        [
          'Uploaded',
          state.uploaded_at === null ? 'not yet' : new Date(state.uploaded_at).toLocaleTimeString(),
        ],
        ['Size', size(state.size_bytes)],
      ]
    : [['Server', 'no answer']];
  const list = part('stored');
  const text = facts.flat().join('\n');
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(
    ...facts.flatMap(([name, value]) => {
      const [term, detail] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = name;
      detail.textContent = value;
      return [term, detail];
    }),
  );
}

let noticeTimer: number | undefined;

/** Shows a message for some seconds. */
export function notify(message: string): void {
  setText('notice', message);
  part('notice').hidden = false;
  window.clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => (part('notice').hidden = true), 8_000);
}

function setText(id: string, text: string): void {
  const element = part(id);
  if (element.textContent !== text) element.textContent = text;
}
