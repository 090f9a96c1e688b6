import type { Query, Reply, TestDevice } from './device.js';
import { creating, type AnyRow, type TableChanges } from './records.js';

/** The answer to a successful pull. */
export interface Pulled {
  changes: Record<string, TableChanges<AnyRow, string>>;
  timestamp: number;
  history_id: string;
  checkpoint: string;
  schema_version: number;
  experimentalStrategy?: string;
}

/** The answer to a successful push. */
export interface Pushed {
  ok: true;
  timestamp: number;
  checkpoint: string;
  rejected?: { table: string; id: string; reason: string }[];
  experimentalRejectedIds?: Record<string, string[]>;
}

/** Pulls and expects success; without `lastPulledAt` a first pull. */
export async function pull(device: TestDevice, lastPulledAt?: number, query: Query = {}): Promise<Pulled> {
  const reply = await device.pull(
    lastPulledAt === undefined ? query : { last_pulled_at: lastPulledAt, ...query },
  );
  if (reply.status !== 200) throw new Error(`pull: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body as Pulled;
}

/** Pushes and expects success. */
export async function push(
  device: TestDevice,
  changes: unknown,
  lastPulledAt: number,
  query?: Query,
): Promise<Pushed> {
  const reply = await device.push(changes, lastPulledAt, query);
  if (reply.status !== 200) throw new Error(`push: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body as Pushed;
}

/** The account's clock, from a pull. */
export async function clockOf(device: TestDevice): Promise<number> {
  return (await pull(device)).timestamp;
}

/**
 * Stores new rows for the device's account.
 * @returns the `last_pulled_at` of a device that has seen them
 */
export async function store(device: TestDevice, rows: Record<string, readonly unknown[]>): Promise<number> {
  await push(device, creating(rows), await clockOf(device));
  return clockOf(device);
}

/** Every live row of the account by table, sorted by id. */
export async function liveRows(device: TestDevice): Promise<Record<string, AnyRow[]>> {
  const { changes } = await pull(device);
  return Object.fromEntries(
    Object.entries(changes).map(([table, rows]) => [
      table,
      [...rows.updated].sort((a, b) => (a.id < b.id ? -1 : 1)),
    ]),
  );
}

/** One live row of the account, or undefined. */
export async function findRow(device: TestDevice, table: string, id: string): Promise<AnyRow | undefined> {
  return (await liveRows(device))[table]?.find((row) => row.id === id);
}

/** The ids that a pull since `lastPulledAt` reports, by table and kind, sorted; tables without any are left out. */
export async function changedIds(
  device: TestDevice,
  lastPulledAt?: number,
): Promise<Record<string, { updated: string[]; deleted: string[] }>> {
  const { changes } = await pull(device, lastPulledAt);
  const entries = Object.entries(changes).map(([table, rows]) => {
    const updated = rows.updated.map((row) => row.id).sort();
    return [table, { updated, deleted: [...rows.deleted].sort() }] as const;
  });
  return Object.fromEntries(entries.filter(([, ids]) => ids.updated.length + ids.deleted.length > 0));
}

/** All that a refusal must leave unchanged: the account's live rows and its clock. */
export async function stateOf(device: TestDevice): Promise<unknown> {
  return { rows: await liveRows(device), timestamp: await clockOf(device) };
}

/** Points a device to another server that runs on the same data. */
export function moveTo(device: TestDevice, url: string): void {
  Object.assign(device, { url });
}

const LEAKS =
  /\bat \S+ \(|node_modules|\.(ts|js):\d+|\b(select|insert into|update|delete from)\b .*\b(from|where|set|values)\b|SQLITE_|QueryFailed/i;

/** Checks that an answer is the given problem, complete, and reveals nothing internal. */
export function expectProblem(answer: Reply, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body?.code, body: answer.body }).toMatchObject({
    status,
    code,
  });
  expectAnyProblem(answer);
}

/** Checks that an answer is a well-formed problem+json with any code. */
export function expectAnyProblem(answer: Reply): void {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status: answer.status,
    detail: expect.any(String),
    hint: expect.any(String),
    code: expect.stringMatching(/^[A-Z_]+$/),
    request_id: expect.any(String),
  });
  expect(JSON.stringify(answer.body)).not.toMatch(LEAKS);
}

/** Long, as only failures take it: machines that are busy with many tests sometimes stand still for seconds. */
export const PATIENCE_MS = 30_000;

/** Asks again until `check` accepts the answer. @throws Error with the last answer after `deadlineMs` */
export async function until<T>(
  ask: () => Promise<T> | T,
  check: (answer: T) => boolean,
  deadlineMs = PATIENCE_MS,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (check(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`not reached within ${deadlineMs} ms; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Checks that a request did not make the server fail: no 5xx, and refusals are well-formed problems. */
export function expectSurvived(reply: Reply): void {
  expect({ status: reply.status, body: reply.status < 500 ? undefined : reply.body }).toEqual({
    status: expect.any(Number),
    body: undefined,
  });
  if (reply.status >= 400) expectAnyProblem(reply);
}
