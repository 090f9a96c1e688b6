import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval, Timeout } from '@nestjs/schedule';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { KeyedMutex } from '../foundation/flow/keyed-mutex.js';
import { DocumentOwner } from '../documents/owner.js';
import { keyOf, type DocumentRef } from '../locks/lock.js';
import { Lifecycle, type Ending } from '../operations/lifecycle.js';
import { allSettledWithin } from '../foundation/flow/all-settled.js';
import { UploadsRepository } from './uploads.repository.js';
import { UploadsService } from './uploads.service.js';
import { VersionsSweep } from './versions-sweep.js';

const MINUTE_MS = 60_000;
const BATCH = 200;
const SETTLE_MS = 2_000;
const WHENEVER = Number.MAX_SAFE_INTEGER;

/** Uploads what is due, every minute; and before the end of the process everything that is pending. */
@Injectable()
export class UploadSchedule implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger('Uploads');
  private readonly stopping = new AbortController();
  private readonly mutex = new KeyedMutex();
  /** By the name of the document, whichever tick began it. */
  private readonly underWay = new Map<string, Promise<unknown>>();
  private readonly ticks = new Set<Promise<void>>();
  private sweeping?: Promise<unknown>;

  constructor(
    private readonly database: Database,
    private readonly repository: UploadsRepository,
    private readonly uploads: UploadsService,
    private readonly sweep: VersionsSweep,
    private readonly owner: DocumentOwner,
    private readonly lifecycle: Lifecycle,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  async onModuleInit(): Promise<void> {
    if (this.database.dialect === 'sqlite') {
      // There is no other process: whoever owned anything is gone.
      await this.database.transaction((tx) => this.repository.releaseAll(tx));
    }
    this.lifecycle.beforeEnd((ending) => this.finish(ending));
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.uploads.stop();
    await allSettledWithin(this.ticks, SETTLE_MS); // or it would find the database closed
  }

  /** What fell due while no server ran does not wait for another minute. */
  @Timeout(0)
  start(): Promise<void> {
    return this.tick();
  }

  /** Uploads everything that is due, and sweeps; runs by itself, also while one before waits for a slow upload. */
  @Interval(MINUTE_MS)
  tick(): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.resolve();
    const tick = this.run().finally(() => this.ticks.delete(tick));
    this.ticks.add(tick);
    return tick;
  }

  private async run(): Promise<void> {
    this.sweeping ??= this.sweep.run(this.stopping.signal).finally(() => (this.sweeping = undefined));
    const work = [this.uploadAll(() => this.now()), this.sweeping];
    await Promise.allSettled(work); // whatever becomes of the other
    await Promise.all(work);
  }

  /** Uploads what is pending, and again what the last requests changed; what is not done in time stays due. */
  private async finish({ requestsEnded, deadline }: Ending): Promise<void> {
    const breakOff = () => {
      this.stopping.abort();
      void this.uploads.stop();
    };
    if (deadline.aborted) breakOff();
    else deadline.addEventListener('abort', breakOff);
    await this.uploadAll(() => WHENEVER);
    await requestsEnded;
    await this.uploadAll(() => WHENEVER);
    const { pending } = await this.repository.backlog();
    if (pending > 0) this.log.warn(`${pending} documents are not uploaded; they stay due`);
  }

  private async uploadAll(dueBy: () => number): Promise<void> {
    // One after another: what one has listed and not begun, another would list as well.
    await this.mutex.run('begin', () => this.beginAll(dueBy));
    await Promise.all(this.underWay.values());
  }

  /** Begins what is due, each as soon as one of those under way has ended; slow ones hold up nothing but themselves. */
  private async beginAll(dueBy: () => number): Promise<void> {
    // Every document gets one try: those that fail are put off, and would never end here.
    const tried = new Set(this.underWay.keys());
    for (;;) {
      const due = await this.repository.listDue(dueBy(), this.owner.id, this.now(), BATCH + tried.size);
      const queue = due.filter((ref) => !tried.has(keyOf(ref)));
      if (queue.length === 0) return;
      for (const ref of queue) {
        while (this.underWay.size >= this.config.uploadsAtOnce) await Promise.race(this.underWay.values());
        if (this.stopping.signal.aborted) return;
        tried.add(keyOf(ref));
        this.begin(ref);
      }
    }
  }

  private begin(ref: DocumentRef): void {
    const name = keyOf(ref);
    const upload = this.uploads
      .upload(ref, { isForced: false })
      // A failure is counted, told and put off where it happens; the others have their turn.
      .catch(() => undefined)
      .finally(() => this.underWay.delete(name));
    this.underWay.set(name, upload);
  }
}
