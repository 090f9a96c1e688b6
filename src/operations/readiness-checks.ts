import { Injectable } from '@nestjs/common';

/** Asks one part of the server whether it works. @throws Error when requests cannot be served without it */
export type ReadinessCheck = () => Promise<void>;

/** The parts of the server without which no request can be served; each registers a check of its own. */
@Injectable()
export class ReadinessChecks {
  private readonly checks: ReadinessCheck[] = [];

  /** Registers a part. */
  add(check: ReadinessCheck): void {
    this.checks.push(check);
  }

  /** Asks every part, all at once. @throws Error the first that one fails with */
  async run(): Promise<void> {
    await Promise.all(this.checks.map((check) => check()));
  }
}
