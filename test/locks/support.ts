import { Database } from '../../src/foundation/database/database.js';
import { AppError } from '../../src/foundation/errors/app-error.js';
import type { LockRequest } from '../../src/locks/lock-rules.js';
import type { DocumentRef, Session } from '../../src/locks/lock.js';
import { LocksService } from '../../src/locks/locks.service.js';
import type { ErrorCode } from '../../src/protocol/errors.js';
import type { TestApp } from '../support/app.js';

/** The length of a lease unless a test sets another. */
export const TTL_MS = 60_000;

/** The service of a running server. */
export const locksOf = (app: TestApp): LocksService => app.nest.get(LocksService, { strict: false });

/** The database of a running server. */
export const databaseOf = (app: TestApp): Database => app.nest.get(Database, { strict: false });

let documents = 0;

/** A document that no other test uses. */
export function newDocument(accountId = 'account'): DocumentRef {
  documents += 1;
  return { accountId, videoId: `video-${process.pid}-${documents}`, kind: 'layout' };
}

/** A session of a person. */
export function person(userId: string, sessionId = `${userId}-tab`): Session {
  return { sessionId, userId, deviceId: `${userId}-device`, name: `${userId}’s laptop` };
}

/** A job on the server's side. */
export function job(sessionId: string): Session {
  return { sessionId, userId: null, deviceId: null, name: sessionId };
}

/** A session's request: of type client for a person, server for a job. */
export function request(session: Session, options: Partial<LockRequest> = {}): LockRequest {
  const type = session.userId === null ? 'server' : 'client';
  return { type, session, reason: null, takeOver: false, ...options };
}

/** Lets many people ask for free locks at the same moment, a new lock each round: exactly one of them gets it. */
export async function expectOneWinnerEach(
  rounds: number,
  contenders: number,
  serverOf: (index: number) => TestApp,
): Promise<void> {
  const users = Array.from({ length: contenders }, (_, index) => person(`user-${index}`));
  for (let round = 0; round < rounds; round++) {
    const document = newDocument();
    const outcomes = await Promise.allSettled(
      users.map((user, index) => locksOf(serverOf(index)).acquire(document, request(user))),
    );
    const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(locks).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'LOCK_HELD' });
    }
    expect(await locksOf(serverOf(0)).find(document)).toEqual(locks[0]);
  }
}

/** The error with which `work` was refused. @throws Error when it was not refused */
export async function refusal(work: Promise<unknown>): Promise<{ code: ErrorCode; details: unknown }> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  if (outcome instanceof AppError) return outcome;
  throw outcome instanceof Error ? outcome : new Error(`Not refused: ${JSON.stringify(outcome)}`);
}
