import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Counter } from 'prom-client';
import { Metrics } from '../../operations/metrics.js';
import type { Adjustment } from '../../protocol/sync.js';

const REMEMBERED = 10_000;

/** Tells the operator of apps whose columns do not fit the declaration: once per device, schema version and column. */
@Injectable()
export class AdjustmentLog {
  private readonly log = new Logger('Sync');
  private readonly told = new LRUCache<string, true>({ max: REMEMBERED });
  private readonly columns: Counter;

  constructor(metrics: Metrics) {
    this.columns = metrics.addCounter(
      'tidemark_push_adjusted_columns_total',
      'Columns in which pushed values did not fit the declaration, once per device and schema version.',
    );
  }

  /** @param schemaVersion the app's; null: it did not say */
  report(deviceId: string, schemaVersion: number | null, adjusted: readonly Adjustment[]): void {
    for (const { table, id, column, reason } of adjusted) {
      const key = JSON.stringify([deviceId, schemaVersion, table, column]);
      if (this.told.has(key)) continue;
      this.told.set(key, true);
      this.columns.inc();
      this.log.warn(
        `${reason}: device ${deviceId}, schema version ${schemaVersion ?? 'unknown'}, pushed a value for ` +
          `${JSON.stringify(`${table}.${column}`)} that does not fit the declaration, first in record ${id}.`,
      );
    }
  }
}
