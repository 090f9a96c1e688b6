import { timeText, VIDEO_MS, type Cue } from './captions.js';
import { drawSea } from './sea.js';

/** Plays the demo's video with its captions. */
export class Player {
  private cues: Cue[] = [];
  private at = 0;
  private playedAt: number | null = null;

  /** @param onMoved called with the new position in ms */
  constructor(
    private readonly parts: {
      canvas: HTMLCanvasElement;
      caption: HTMLElement;
      play: HTMLButtonElement;
      seek: HTMLInputElement;
      time: HTMLOutputElement;
    },
    private readonly onMoved: (ms: number) => void,
  ) {
    parts.play.addEventListener('click', () => this.setPlaying(this.playedAt === null));
    parts.seek.addEventListener('input', () => this.moveTo(Number(parts.seek.value)));
    this.moveTo(0);
  }

  get position(): number {
    return this.at;
  }

  show(cues: Cue[]): void {
    this.cues = cues;
    this.showCaption();
  }

  moveTo(ms: number): void {
    this.at = Math.min(Math.max(ms, 0), VIDEO_MS);
    if (this.playedAt !== null) this.playedAt = performance.now() - this.at;
    const { canvas, seek, time } = this.parts;
    seek.value = String(Math.round(this.at));
    seek.setAttribute('aria-valuetext', timeText(this.at));
    time.value = timeText(this.at);
    drawSea(canvas, this.at);
    this.showCaption();
    this.onMoved(this.at);
  }

  private setPlaying(isPlaying: boolean): void {
    const { play } = this.parts;
    play.textContent = isPlaying ? 'Pause' : 'Play';
    play.setAttribute('aria-pressed', String(isPlaying));
    if (!isPlaying) return void (this.playedAt = null);
    if (this.at >= VIDEO_MS) this.moveTo(0);
    this.playedAt = performance.now() - this.at;
    requestAnimationFrame(() => this.step());
  }

  private step(): void {
    if (this.playedAt === null) return;
    this.moveTo(performance.now() - this.playedAt);
    if (this.at >= VIDEO_MS) this.setPlaying(false);
    else requestAnimationFrame(() => this.step());
  }

  private showCaption(): void {
    const { caption } = this.parts;
    const now = this.cues.filter((cue) => cue.start_ms <= this.at && this.at < cue.end_ms && cue.text !== '');
    const lines = now.map((cue) => {
      const line = document.createElement('span');
      line.textContent = cue.text;
      return line;
    });
    caption.replaceChildren(
      ...lines.flatMap((line, i) => (i === 0 ? [line] : [document.createElement('br'), line])),
    );
  }
}
