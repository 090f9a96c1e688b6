import { Injectable } from '@nestjs/common';
import type { Counter, Histogram } from 'prom-client';
import { AppError } from '../../foundation/errors/app-error.js';
import { HealthDetails } from '../../operations/health-details.js';
import { Metrics } from '../../operations/metrics.js';
import type { DocumentRef } from '../../locks/lock.js';
import { EnginePool } from './engine/engine-pool.js';
import type { LiveDocument } from './live-document.js';

/** How long a document counts as failing after its engine failed, in ms. */
const FAILING_MS = 5 * 60_000;

/** Metrics and health of documents that are edited live. */
@Injectable()
export class LiveTelemetry {
  private readonly batches: Counter<'outcome'>;
  private readonly rows: Counter<'direction'>;
  private readonly refused: Counter<'rule'>;
  private readonly replays: Counter;
  private readonly rewound: Counter;
  private readonly batchSeconds: Histogram;
  private readonly waitSeconds: Histogram;
  /** When documents failed last, by video and kind; a monotonic clock, in ms. */
  private readonly failures = new Map<string, number>();

  constructor(
    private readonly metrics: Metrics,
    private readonly health: HealthDetails,
    private readonly engine: EnginePool,
  ) {
    this.batches = metrics.addCounter('tidemark_live_batches_total', 'Batches of holders.', ['outcome']);
    this.rows = metrics.addCounter('tidemark_live_rows_total', 'Changed cells, by way.', ['direction']);
    this.refused = metrics.addCounter('tidemark_live_refused_total', 'Batches that broke a rule.', ['rule']);
    this.replays = metrics.addCounter('tidemark_live_replays_total', 'Copies brought up to the journal.');
    this.rewound = metrics.addCounter(
      'tidemark_documents_rewound_total',
      'Copies that were newer than the server’s database, which was put back to an earlier state.',
    );
    this.batchSeconds = metrics.addHistogram(
      'tidemark_live_batch_seconds',
      'From a batch’s arrival to its answer.',
    );
    this.waitSeconds = metrics.addHistogram(
      'tidemark_live_gate_wait_seconds',
      'How long batches wait for earlier ones.',
    );
  }

  /** Begins to measure the open documents. */
  watch(list: () => LiveDocument[]): void {
    const subscribers = () => list().flatMap(({ subscribers }) => [...subscribers]);
    const count = (role: string) => subscribers().filter((subscriber) => subscriber.role === role).length;
    this.metrics.addLabelledGauge('tidemark_live_sockets', 'Connections to documents.', 'role', () => ({
      holder: count('holder'),
      watcher: count('watcher'),
    }));
    this.metrics.addGauges(
      {
        tidemark_live_open_documents: 'Documents that are open in the engine.',
        tidemark_live_engine_restarts_total: 'Threads of the engine that were replaced.',
        tidemark_live_lag_versions_max: 'Versions that were not sent yet to the client that lacks most.',
      },
      async () => ({
        tidemark_live_open_documents: list().length,
        tidemark_live_engine_restarts_total: this.engine.restarts,
        tidemark_live_lag_versions_max: Math.max(0, ...subscribers().map(({ lag }) => lag)),
      }),
    );
    this.health.add('live', async () => {
      const failing = this.failing();
      return { isDegraded: failing.length > 0, figures: { open: list().length, failing } };
    });
  }

  /** Counts a batch that was taken. @param ms from its arrival to its answer */
  noteTaken(rows: number, ms: number): void {
    this.batches.inc({ outcome: 'taken' });
    this.rows.inc({ direction: 'in' }, rows);
    this.batchSeconds.observe(ms / 1_000);
  }

  /** Counts a batch that was not taken. */
  noteRefused(thrown: unknown): void {
    const code = thrown instanceof AppError ? thrown.code : 'INTERNAL';
    this.batches.inc({ outcome: code.toLowerCase() });
    if (thrown instanceof AppError && code === 'CHANGES_INVALID') {
      this.refused.inc({ rule: String(thrown.details.rule) });
    }
  }

  /** Counts rows that were sent. */
  noteSent(rows: number): void {
    this.rows.inc({ direction: 'out' }, rows);
  }

  /** Notes how long a batch has waited for its turn. */
  noteWait(ms: number): void {
    this.waitSeconds.observe(ms / 1_000);
  }

  /** Counts a copy that was behind the journal. */
  noteReplay(): void {
    this.replays.inc();
  }

  /** Counts a copy that was ahead of the server's database. */
  noteRewound(): void {
    this.rewound.inc();
  }

  /** Names a document in the server's health for a while. */
  noteFailure({ videoId, kind }: DocumentRef): void {
    this.failures.set(`${videoId}/${kind}`, performance.now());
  }

  private failing(): string[] {
    for (const [name, at] of this.failures) {
      if (at + FAILING_MS < performance.now()) this.failures.delete(name);
    }
    return [...this.failures.keys()];
  }
}
