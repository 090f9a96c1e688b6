import { Injectable } from '@nestjs/common';
import { AppError } from '../foundation/errors/app-error.js';

/** The health of one part of the server. A part that fails, but not with an AppError, counts as degraded. */
export interface HealthPart {
  /** Whether something needs the operator; anyone may ask, so it reads no more than that needs. */
  isDegraded(): Promise<boolean>;
  /** Figures for the operator. */
  figures(): Promise<Record<string, unknown>>;
}

export type HealthStatus = 'ok' | 'degraded';

/** The health of the server's parts; each part registers itself. */
@Injectable()
export class HealthDetails {
  private readonly parts = new Map<string, HealthPart>();

  /** Registers a part under a unique name. */
  add(name: string, part: HealthPart): void {
    this.parts.set(name, part);
  }

  /** Whether all parts work; asks one after another until one is degraded. @throws AppError of a part */
  async status(): Promise<HealthStatus> {
    for (const part of this.parts.values()) {
      if (await part.isDegraded().catch(asDegraded)) return 'degraded';
    }
    return 'ok';
  }

  /** The status and the figures of every part, as `GET /health` answers the operator. @throws AppError of a part */
  async answer(): Promise<{ status: HealthStatus; [part: string]: unknown }> {
    const entries = await Promise.all(
      [...this.parts].map(async ([name, part]) => [name, await part.figures().catch(asFailure)] as const),
    );
    return { status: await this.status(), ...Object.fromEntries(entries) };
  }
}

function asDegraded(error: unknown): true {
  if (error instanceof AppError) throw error;
  return true;
}

function asFailure(error: unknown): Record<string, unknown> {
  if (error instanceof AppError) throw error;
  return { failure: error instanceof Error ? error.message : String(error) };
}
