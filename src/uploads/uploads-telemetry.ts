import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { AppError } from '../foundation/errors/app-error.js';
import { HealthDetails } from '../operations/health-details.js';
import { Metrics } from '../operations/metrics.js';
import { UploadsRepository } from './uploads.repository.js';

const MINUTE_MS = 60_000;

/** Metrics and health of the uploads. */
@Injectable()
export class UploadsTelemetry implements OnModuleInit {
  private readonly log = new Logger('Uploads');
  private readonly bytes: Counter;
  private readonly failures: Counter;
  private lastFailure: { at: number; reason: string } | null = null;

  constructor(
    private readonly uploads: UploadsRepository,
    private readonly metrics: Metrics,
    private readonly health: HealthDetails,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    this.bytes = metrics.addCounter(
      'tidemark_uploads_bytes_total',
      'Bytes brought to object storage by this process, gzipped.',
    );
    this.failures = metrics.addCounter(
      'tidemark_uploads_failures_total',
      'Uploads of this process that failed.',
    );
  }

  onModuleInit(): void {
    this.metrics.addGauges(
      {
        tidemark_uploads_pending: 'Documents with changes that are not in object storage.',
        tidemark_uploads_oldest_pending_age_seconds:
          'Age of the oldest change that is not in object storage.',
      },
      async () => {
        const { pending, ageSeconds } = await this.backlog();
        return {
          tidemark_uploads_pending: pending,
          tidemark_uploads_oldest_pending_age_seconds: ageSeconds,
        };
      },
    );
    this.health.add('uploads', { isDegraded: () => this.isLate(), figures: () => this.figures() });
  }

  /** Counts an upload. @param sizeBytes gzipped */
  noteUploaded(sizeBytes: number): void {
    this.bytes.inc(sizeBytes);
  }

  /** Counts and logs a failed upload. */
  noteFailure(error: unknown): void {
    this.failures.inc();
    // Health is public, so it shows only messages that were written for clients.
    const reason = error instanceof AppError ? error.message : 'Internal error';
    this.lastFailure = { at: this.now(), reason };
    this.log.error(error);
  }

  private isLate(): Promise<boolean> {
    return this.uploads.isLate(this.now() - 2 * this.config.uploadCheckpointMinutes * MINUTE_MS);
  }

  private async figures(): Promise<Record<string, unknown>> {
    const { pending, failing, ageSeconds } = await this.backlog();
    return { pending, oldest_pending_age_seconds: ageSeconds, failing, last_failure: this.lastFailure };
  }

  private async backlog(): Promise<{ pending: number; failing: number; ageSeconds: number }> {
    const { pending, failing, oldestPendingSince } = await this.uploads.backlog();
    const ageMs = oldestPendingSince === null ? 0 : Math.max(this.now() - oldestPendingSince, 0);
    return { pending, failing, ageSeconds: ageMs / 1_000 };
  }
}
