import { Injectable } from '@nestjs/common';

/** The health of one part of the server. */
export interface HealthDetail {
  isDegraded: boolean;
  /** Figures for the operator. */
  figures: Record<string, unknown>;
}

/** The health of the server's parts; each part registers itself. */
@Injectable()
export class HealthDetails {
  private readonly readers = new Map<string, () => Promise<HealthDetail>>();

  /** Registers a part under a unique name. */
  add(name: string, read: () => Promise<HealthDetail>): void {
    this.readers.set(name, read);
  }

  /** Reads the health of every part, as `GET /health` answers it to the operator. */
  async answer(): Promise<{ status: 'ok' | 'degraded'; [part: string]: unknown }> {
    const entries = await Promise.all(
      [...this.readers].map(async ([name, read]) => [name, await read()] as const),
    );
    return {
      status: entries.some(([, { isDegraded }]) => isDegraded) ? 'degraded' : 'ok',
      ...Object.fromEntries(entries.map(([name, { figures }]) => [name, figures])),
    };
  }
}
