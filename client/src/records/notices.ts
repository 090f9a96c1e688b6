import type { DirtyRaw } from '@nozbe/watermelondb/RawRecord/index.js';
import type { Rejection } from '../../../src/protocol/sync.js';
import type { DeviceNames } from './device-names.js';
import { Cell, type Observable } from '../light/observable.js';

/** A message to the user about what a sync did; shown until dismissed. */
export interface Notice {
  id: string;
  /** `merged`: another device changed a row that was changed here; `dropped`: rows changed here were deleted. */
  kind: 'merged' | 'dropped';
  /** One plain sentence. */
  text: string;
}

/** Names a row in the middle of a sentence, such as `the game “Friday”`; `raw` has the columns by name. */
export type DescribeRow = (table: string, raw: DirtyRaw) => string | Promise<string>;

/** A row that was changed both on this device and on another one. */
export interface MergedRow {
  table: string;
  raw: DirtyRaw;
}

/** Up to so many merged rows get one notice each; more get one notice together. */
const TOLD_ONE_BY_ONE = 2;
const MAX_NOTICES = 5;

/** The messages to the user about what syncs did. */
export class Notices {
  private readonly cell = new Cell<Notice[]>([]);
  private count = 0;
  /** The devices whose changes were announced but not pulled yet. */
  private readonly announced = new Set<string>();

  constructor(
    private readonly devices: DeviceNames,
    private readonly describe: DescribeRow,
  ) {}

  get all(): Observable<Notice[]> {
    return this.cell;
  }

  dismiss(id: string): void {
    this.cell.set(this.cell.get().filter((notice) => notice.id !== id));
  }

  /** Remembers which device's changes the next pull will bring. */
  noteAnnouncement(deviceId: string): void {
    this.announced.add(deviceId);
  }

  /** Adds notices about rows that were changed here and, as a pull showed, on another device too. */
  async tellMerged(rows: readonly MergedRow[]): Promise<void> {
    const by = new Set(this.announced);
    this.announced.clear();
    if (rows.length === 0) return;
    const who = (await this.devices.nameOf(by)) ?? 'Another device';
    const texts = new Set<string>();
    for (const { table, raw } of rows) texts.add(`${who} also changed ${await this.nameOf(table, raw)}.`);
    if (texts.size > TOLD_ONE_BY_ONE) {
      this.add('merged', `${who} also changed ${rows.length} entries that were changed here.`);
    } else {
      for (const text of texts) this.add('merged', text);
    }
  }

  /** Adds a notice about rows that were removed here because their parents were deleted. */
  tellDropped(count: number): void {
    if (count === 0) return;
    const what =
      count === 1 ? '1 entry was removed because what it' : `${count} entries were removed because what they`;
    this.add('dropped', `${what} belonged to was deleted on another device.`);
  }

  /** Adds notices about pushed rows that the server rejected because they, or their parents, were deleted. */
  tellRejected(rejections: readonly Rejection[]): void {
    this.tellDropped(rejections.filter(({ reason }) => reason === 'PARENT_DELETED').length);
    this.tellDeleted(rejections.filter(({ reason }) => reason === 'DELETED').length);
  }

  /** Adds a notice about rows that were changed here and deleted on another device. */
  tellDeleted(count: number): void {
    if (count === 0) return;
    const what =
      count === 1 ? '1 entry that was changed here was' : `${count} entries that were changed here were`;
    this.add('dropped', `${what} deleted on another device.`);
  }

  private async nameOf(table: string, raw: DirtyRaw): Promise<string> {
    try {
      return await this.describe(table, raw);
    } catch (error) {
      console.error(error);
      return 'an entry'; // a notice without the name is better than none
    }
  }

  private add(kind: Notice['kind'], text: string): void {
    if (this.cell.get().some((notice) => notice.text === text)) return;
    this.count += 1;
    this.cell.set([...this.cell.get(), { id: `notice-${this.count}`, kind, text }].slice(-MAX_NOTICES));
  }
}
