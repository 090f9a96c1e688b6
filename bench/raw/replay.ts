import type { SqlValue } from '../../src/foundation/database/database.js';
import { FRESH_ID } from '../load/placeholder.js';
import type { Recording, Statement } from '../server/recorder.js';

/** A recorded request to repeat for other devices and with other ids. */
export interface ReplayJob {
  recording: Recording;
  /** The device whose request was recorded. */
  recorded: Identity;
  /** The devices that it is repeated for, in turns or all at once. */
  identities: Identity[];
  seconds: number;
  /** Part of every fresh id; jobs with different runs never make the same id. */
  run: string;
}

/** The sender of a request. */
export interface Identity {
  accountId: string;
  deviceId: string;
}

/** Replaces the device and the id in a recorded statement's parameters. */
export class Substitution {
  constructor(
    private readonly from: Identity,
    private readonly to: Identity,
  ) {}

  /** @param freshId replaces FRESH_ID */
  values(params: readonly SqlValue[], freshId: string): SqlValue[] {
    return params.map((value) => (typeof value === 'string' ? this.text(value, freshId) : value));
  }

  private text(value: string, freshId: string): string {
    if (value === this.from.accountId) return this.to.accountId;
    if (value === this.from.deviceId) return this.to.deviceId;
    return value.includes(FRESH_ID) ? value.replaceAll(FRESH_ID, freshId) : value;
  }
}

/** The parameter lists of a statement. */
export function parametersOf(statement: Statement): SqlValue[][] {
  return 'rows' in statement ? statement.rows : [statement.params];
}
