import { timeText, VIDEO_MS, withinVideo, type Captions, type Cue } from './captions.js';

const PIXELS_PER_SECOND = 40;
const STEP_MS = 100;
const BIG_STEP_MS = 1_000;
const TICK_MS = 5_000;
/** A press on the last pixels of a caption moves its end. */
const EDGE_PX = 10;
const toPixels = (ms: number): number => (ms / 1_000) * PIXELS_PER_SECOND;
const toMs = (pixels: number): number => (pixels / PIXELS_PER_SECOND) * 1_000;

/** The captions on a ruler; people move them with the pointer or the keyboard. */
export class Timeline {
  private readonly track = document.createElement('div');
  private readonly playhead = document.createElement('div');
  private readonly buttons = new Map<string, HTMLButtonElement>();
  private cues = new Map<string, Cue>();
  private isEditable = false;

  /**
   * @param onChosen called when a caption is pressed or entered: shows it in the list and moves the playhead
   * @param attempt runs an edit and shows its failure
   */
  constructor(
    private readonly box: HTMLElement,
    private readonly captions: Captions,
    private readonly onChosen: (cue: Cue, wantsText: boolean) => void,
    private readonly attempt: (edit: () => Promise<unknown>) => void,
  ) {
    this.track.className = 'track';
    this.track.style.width = `${toPixels(VIDEO_MS)}px`;
    this.playhead.className = 'playhead';
    for (let ms = 0; ms < VIDEO_MS; ms += TICK_MS) {
      const tick = document.createElement('span');
      tick.className = 'tick';
      tick.style.left = `${toPixels(ms)}px`;
      tick.textContent = timeText(ms).slice(0, -2);
      this.track.append(tick);
    }
    this.track.append(this.playhead);
    box.append(this.track);
  }

  /** Shows the captions; those that are shown already keep their buttons, and so the focus. */
  show(cues: Cue[], isEditable: boolean): void {
    this.cues = new Map(cues.map((cue) => [cue.id, cue]));
    this.isEditable = isEditable;
    for (const [id, button] of this.buttons) {
      if (this.cues.has(id)) continue;
      button.remove();
      this.buttons.delete(id);
    }
    for (const cue of cues) {
      const button = this.buttons.get(cue.id) ?? this.makeButton(cue.id);
      place(button, cue.start_ms, cue.end_ms);
      const text = cue.text || 'Empty caption';
      if (button.textContent !== text) button.textContent = text;
      button.setAttribute('aria-label', `${text}, ${timeText(cue.start_ms)} to ${timeText(cue.end_ms)}`);
    }
  }

  movePlayhead(ms: number): void {
    this.playhead.style.left = `${toPixels(ms)}px`;
    for (const [id, button] of this.buttons) {
      const { start_ms, end_ms } = this.cues.get(id)!;
      button.classList.toggle('is-now', start_ms <= ms && ms < end_ms);
    }
    const { scrollLeft, clientWidth } = this.box;
    const left = toPixels(ms);
    if (left < scrollLeft || left > scrollLeft + clientWidth) this.box.scrollLeft = left - 40;
  }

  private makeButton(id: string): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'cue';
    button.addEventListener('keydown', (event) => this.press(id, event));
    button.addEventListener('pointerdown', (event) => this.drag(id, button, event));
    button.addEventListener('click', () => this.onChosen(this.cues.get(id)!, false));
    this.buttons.set(id, button);
    this.track.append(button);
    return button;
  }

  private press(id: string, event: KeyboardEvent): void {
    const cue = this.cues.get(id)!;
    if (event.key === 'Enter') {
      event.preventDefault();
      this.onChosen(cue, true);
      return;
    }
    if (!this.isEditable) return;
    if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault();
      this.focusBeside(id);
      this.attempt(() => this.captions.remove(id));
      return;
    }
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction === undefined) return;
    event.preventDefault();
    const by = direction * (event.shiftKey ? BIG_STEP_MS : STEP_MS);
    const { start_ms: start, end_ms: end } = cue;
    this.attempt(() =>
      event.altKey
        ? this.captions.setTimes(id, start, end + by)
        : this.captions.setTimes(id, ...moved(cue, by)),
    );
  }

  private drag(id: string, button: HTMLButtonElement, down: PointerEvent): void {
    if (!this.isEditable || down.button !== 0 || down.pointerType === 'touch') return;
    const cue = this.cues.get(id)!;
    const isEnd = down.offsetX > button.offsetWidth - EDGE_PX;
    const timesAt = (x: number): [number, number] => {
      const by = toMs(x - down.clientX);
      return isEnd ? withinVideo(cue.start_ms, cue.end_ms + by) : moved(cue, by);
    };
    button.setPointerCapture(down.pointerId);
    const move = (event: PointerEvent): void => place(button, ...timesAt(event.clientX));
    const up = (event: PointerEvent): void => {
      button.removeEventListener('pointermove', move);
      button.removeEventListener('pointerup', up);
      button.removeEventListener('pointercancel', up);
      const [start, end] = event.type === 'pointerup' ? timesAt(event.clientX) : [cue.start_ms, cue.end_ms];
      place(button, start, end);
      if (start !== cue.start_ms || end !== cue.end_ms)
        this.attempt(() => this.captions.setTimes(id, start, end));
    };
    button.addEventListener('pointermove', move);
    button.addEventListener('pointerup', up);
    button.addEventListener('pointercancel', up);
  }

  /** Moves the focus to the next caption, or the one before, as this one is about to go. */
  private focusBeside(id: string): void {
    const ids = [...this.cues.keys()];
    const place = ids.indexOf(id);
    this.buttons.get(ids[place + 1] ?? ids[place - 1] ?? '')?.focus();
  }
}

function place(button: HTMLElement, startMs: number, endMs: number): void {
  button.style.left = `${toPixels(startMs)}px`;
  button.style.width = `${Math.max(toPixels(endMs - startMs), 12)}px`;
}

/** A caption's times moved as a whole, kept within the video. */
function moved({ start_ms, end_ms }: Cue, by: number): [number, number] {
  const length = end_ms - start_ms;
  const start = Math.min(Math.max(start_ms + by, 0), Math.max(VIDEO_MS - length, 0));
  return withinVideo(start, start + length);
}
