import { readTime, timeText, type Captions, type Cue } from './captions.js';

interface Row {
  item: HTMLLIElement;
  start: HTMLInputElement;
  end: HTMLInputElement;
  text: HTMLInputElement;
  remove: HTMLButtonElement;
}

/** The captions as lines of fields. What is being typed is stored at once, so nothing typed is lost when the tab closes. */
export class CueList {
  private readonly rows = new Map<string, Row>();
  /** The newest texts of captions whose text is being stored. */
  private readonly texts = new Map<string, string>();

  constructor(
    private readonly list: HTMLOListElement,
    private readonly captions: Captions,
    private readonly attempt: (edit: () => Promise<unknown>) => void,
  ) {}

  /** Shows the captions in their order; a field with the focus keeps what is typed in it. */
  show(cues: Cue[], isEditable: boolean): void {
    const ids = new Set(cues.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.item.remove();
      this.rows.delete(id);
    }
    let before: Element | null = null;
    for (const cue of cues) {
      const row = this.rows.get(cue.id) ?? this.makeRow(cue.id);
      const expected: Element | null = before ? before.nextElementSibling : this.list.firstElementChild;
      // Moving an element takes its focus away, so it is moved only when it is out of place.
      if (expected !== row.item && !row.item.contains(document.activeElement))
        this.list.insertBefore(row.item, expected);
      before = row.item;
      fill(row.start, timeText(cue.start_ms));
      fill(row.end, timeText(cue.end_ms));
      fill(row.text, cue.text);
      for (const field of [row.start, row.end, row.text]) field.readOnly = !isEditable;
      row.remove.disabled = !isEditable;
    }
  }

  /** Moves the focus to a caption's text. */
  focus(id: string): void {
    const row = this.rows.get(id);
    row?.item.scrollIntoView({ block: 'nearest' });
    row?.text.focus();
  }

  private makeRow(id: string): Row {
    const item = document.createElement('li');
    const row: Row = {
      item,
      start: field('Begins', 'time'),
      end: field('Ends', 'time'),
      text: field('Text', 'text'),
      remove: document.createElement('button'),
    };
    row.remove.type = 'button';
    row.remove.textContent = 'Delete';
    item.append(row.start, row.end, row.text, row.remove);
    row.text.addEventListener('input', () => this.setText(id, row));
    for (const time of [row.start, row.end]) {
      time.addEventListener('input', () => time.setCustomValidity(readTime(time.value) === null ? HINT : ''));
      time.addEventListener('change', () => this.setTimes(id, row));
    }
    row.remove.addEventListener('click', () => this.attempt(() => this.captions.remove(id)));
    this.rows.set(id, row);
    this.list.append(item);
    return row;
  }

  /** Of what is typed while a text is being stored, the newest is stored next. */
  private setText(id: string, row: Row): void {
    const isStoring = this.texts.has(id);
    this.texts.set(id, row.text.value);
    if (isStoring) return;
    this.attempt(async () => {
      try {
        for (let stored; stored !== this.texts.get(id);) {
          stored = this.texts.get(id)!;
          await this.captions.setText(id, stored);
        }
      } finally {
        this.texts.delete(id);
      }
    });
  }

  private setTimes(id: string, row: Row): void {
    const [start, end] = [readTime(row.start.value), readTime(row.end.value)];
    if (start === null || end === null) return void (start === null ? row.start : row.end).reportValidity();
    this.attempt(() => this.captions.setTimes(id, start, end));
  }
}

const HINT = 'A time, such as 0:07.5';

function field(label: string, name: string): HTMLInputElement {
  const input = document.createElement('input');
  input.className = name;
  input.autocomplete = 'off';
  input.setAttribute('aria-label', label);
  if (name === 'text') input.placeholder = 'What is said';
  return input;
}

function fill(input: HTMLInputElement, value: string): void {
  if (input !== document.activeElement && input.value !== value) input.value = value;
}
