import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval, Timeout } from '@nestjs/schedule';
import { DocumentOwner } from '../documents/owner.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { allSettledWithin } from '../foundation/flow/all-settled.js';
import { DueWork } from '../foundation/jobs/due-work.js';
import { keyOf, type DocumentRef } from '../locks/lock.js';
import { Lifecycle, type Ending } from '../operations/lifecycle.js';
import { UploadsRepository } from './uploads.repository.js';
import { UploadsService } from './uploads.service.js';
import { VersionsSweep } from './versions-sweep.js';

const MINUTE_MS = 60_000;
const CLOSE_MS = 2_000;

/** Uploads due documents and sweeps every minute; before the process ends it uploads all pending documents. */
@Injectable()
export class UploadSchedule implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger('Uploads');
  private readonly stopping = new AbortController();
  private readonly due: DueWork<DocumentRef>;
  private readonly ticks = new Set<Promise<void>>();
  /** The running sweep. */
  private sweeping?: Promise<unknown>;

  constructor(
    private readonly database: Database,
    private readonly repository: UploadsRepository,
    private readonly uploads: UploadsService,
    private readonly sweep: VersionsSweep,
    owner: DocumentOwner,
    private readonly lifecycle: Lifecycle,
    @Inject(CONFIG) config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    const source = {
      listDue: (dueBy: number, limit: number) => repository.listDue(dueBy, owner.id, now(), limit),
      keyOf,
      run: (ref: DocumentRef) => uploads.upload(ref, { isForced: false }),
    };
    this.due = new DueWork(source, config.uploadsAtOnce, this.stopping.signal);
  }

  async onModuleInit(): Promise<void> {
    if (this.database.dialect === 'sqlite') {
      // On SQLite there is only this process, so all claims belong to processes that have ended.
      // A database that takes no write now must not prevent the start: the claims expire without this.
      await this.database
        .transaction((tx) => this.repository.releaseAll(tx))
        .catch((error: unknown) =>
          this.log.warn(`Claims of before stay until they expire: ${String(error)}`),
        );
    }
    this.lifecycle.beforeEnd((ending) => this.finish(ending));
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.uploads.stop();
    await allSettledWithin(this.ticks, CLOSE_MS); // else they would find the database closed
  }

  /** Uploads at start what became due while no server was running. */
  @Timeout(0)
  start(): Promise<void> {
    return this.tick();
  }

  /** Uploads everything due, and sweeps. A tick does not wait for the previous one, which a slow upload may delay. */
  @Interval(MINUTE_MS)
  tick(): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.resolve();
    const tick = this.run().finally(() => this.ticks.delete(tick));
    this.ticks.add(tick);
    return tick;
  }

  private async run(): Promise<void> {
    this.sweeping ??= this.sweep.run(this.stopping.signal).finally(() => (this.sweeping = undefined));
    const work = [this.due.run(() => this.now()), this.sweeping];
    await Promise.allSettled(work); // so that a failure of one does not end the tick while the other is running
    await Promise.all(work);
  }

  /** Uploads all pending documents; those not uploaded in time stay due. */
  private async finish({ requestsEnded, deadline }: Ending): Promise<void> {
    const breakOff = () => {
      this.stopping.abort();
      void this.uploads.stop();
    };
    if (deadline.aborted) breakOff();
    else deadline.addEventListener('abort', breakOff);
    await this.due.finish(requestsEnded);
    const { pending } = await this.repository.backlog();
    if (pending > 0) this.log.warn(`${pending} documents are not uploaded; they stay due`);
  }
}
