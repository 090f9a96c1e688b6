import type { OpenedDocument, SqlValue } from '../src/documents/open-document.js';
import { randomId } from '../src/index.js';

/** One caption of the video. */
export interface Cue {
  id: string;
  start_ms: number;
  end_ms: number;
  text: string;
  speaker_id: string | null;
}

/** Length of the demo's video. */
export const VIDEO_MS = 60_000;
const SHORTEST_MS = 200;
const NEW_CUE_MS = 3_000;

/** The document's captions, and the edits that people make. */
export class Captions {
  constructor(private readonly database: OpenedDocument['db']) {}

  /** The captions in the order of their beginnings. */
  list(): Promise<Cue[]> {
    return this.database.all<Cue>(
      'SELECT id, start_ms, end_ms, text, speaker_id FROM cues ORDER BY start_ms, id',
    );
  }

  async add(atMs: number): Promise<string> {
    const id = randomId();
    const start = Math.min(Math.round(atMs), VIDEO_MS - NEW_CUE_MS);
    await this.run('INSERT INTO cues (id, start_ms, end_ms) VALUES (?, ?, ?)', [
      id,
      start,
      start + NEW_CUE_MS,
    ]);
    return id;
  }

  /** Adds many captions in one transaction, spread over the video. */
  async addMany(count: number): Promise<void> {
    await this.database.tx(async (tx) => {
      for (let i = 0; i < count; i += 1) {
        const start = Math.round((i * (VIDEO_MS - NEW_CUE_MS)) / count);
        const values = [randomId(), start, start + SHORTEST_MS * 4, `Wave ${i + 1}`];
        await tx.run('INSERT INTO cues (id, start_ms, end_ms, text) VALUES (?, ?, ?, ?)', values);
      }
    });
  }

  setText(id: string, text: string): Promise<void> {
    return this.run('UPDATE cues SET text = ? WHERE id = ?', [text, id]);
  }

  /** Sets when a caption is shown, kept within the video. */
  setTimes(id: string, startMs: number, endMs: number): Promise<void> {
    const [start, end] = withinVideo(startMs, endMs);
    return this.run('UPDATE cues SET start_ms = ?, end_ms = ? WHERE id = ?', [start, end, id]);
  }

  remove(id: string): Promise<void> {
    return this.run('DELETE FROM cues WHERE id = ?', [id]);
  }

  private run(sql: string, params: SqlValue[]): Promise<void> {
    return this.database.tx((tx) => tx.run(sql, params));
  }
}

/** A beginning and an end that lie within the video, at least 0.2 s apart. */
export function withinVideo(startMs: number, endMs: number): [number, number] {
  const start = Math.round(Math.min(Math.max(startMs, 0), VIDEO_MS - SHORTEST_MS));
  const end = Math.round(Math.min(Math.max(endMs, start + SHORTEST_MS), VIDEO_MS));
  return [start, end];
}

/** A time for people: `0:07.5`. */
export function timeText(ms: number): string {
  const tenths = Math.round(ms / 100);
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, '0')}.${rest % 10}`;
}

/** Reads what people type as a time: `0:07.5`, `7.5` or `7`. @returns ms; null: not a time */
export function readTime(text: string): number | null {
  const match = /^\s*(?:(\d{1,3}):)?(\d{1,4}(?:[.,]\d{1,3})?)\s*$/.exec(text);
  if (!match) return null;
  const [, minutes = '0', seconds = '0'] = match;
  return Math.round((Number(minutes) * 60 + Number(seconds.replace(',', '.'))) * 1_000);
}
