import { Injectable } from '@nestjs/common';

/** Checks one part of the server. @throws Error when the part does not work */
type ReadinessCheck = () => Promise<void>;

/** Checks of the parts without which the server cannot serve requests; each part registers its own. */
@Injectable()
export class ReadinessChecks {
  private readonly checks: ReadinessCheck[] = [];

  /** Registers a part. */
  add(check: ReadinessCheck): void {
    this.checks.push(check);
  }

  /** Runs all checks at once. @throws Error the first failure */
  async run(): Promise<void> {
    await Promise.all(this.checks.map((check) => check()));
  }
}
