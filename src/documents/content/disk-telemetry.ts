import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiskSpace } from '../../foundation/files/disk-space.js';
import { HealthDetails } from '../../operations/health-details.js';
import { Metrics } from '../../operations/metrics.js';
import { WorkingCopies } from './working-copies.js';

/** Times what is reserved: by default 1 GiB, half of a small disk. A document takes its size up to three times at first. */
const TELL_BELOW = 4;

/** Metrics and health of the data folder's disk: they tell that it fills up before anything is refused. */
@Injectable()
export class DiskTelemetry implements OnModuleInit {
  constructor(
    private readonly disk: DiskSpace,
    private readonly copies: WorkingCopies,
    private readonly metrics: Metrics,
    private readonly health: HealthDetails,
  ) {}

  onModuleInit(): void {
    this.metrics.addGauges(
      {
        tidemark_disk_size_bytes: 'Size of the disk of DATA_DIR.',
        tidemark_disk_free_bytes: 'Free bytes on the disk of DATA_DIR.',
        tidemark_disk_reserved_bytes: 'Of the free bytes, those that documents leave to the database.',
        tidemark_disk_removable_bytes: 'Size of the working copies that are removed when the disk is short.',
      },
      async () => {
        const { size_bytes, free_bytes, reserved_bytes, removable_bytes } = await this.figures();
        return {
          tidemark_disk_size_bytes: size_bytes,
          tidemark_disk_free_bytes: free_bytes,
          tidemark_disk_reserved_bytes: reserved_bytes,
          tidemark_disk_removable_bytes: removable_bytes,
        };
      },
    );
    this.health.add('disk', { isDegraded: () => this.isShort(), figures: () => this.figures() });
  }

  private async isShort(): Promise<boolean> {
    const { size_bytes, free_bytes, removable_bytes, reserved_bytes } = await this.figures();
    return size_bytes > 0 && free_bytes + removable_bytes < TELL_BELOW * reserved_bytes;
  }

  /** All 0 but the last: the file system does not tell. */
  private async figures() {
    const usage = await this.disk.usage();
    return {
      size_bytes: usage?.sizeBytes ?? 0,
      free_bytes: usage?.freeBytes ?? 0,
      reserved_bytes: usage?.reservedBytes ?? 0,
      removable_bytes: this.copies.room.removableBytes,
    };
  }
}
