import autocannon from 'autocannon';
import { answerCalls } from '../lab/remote.js';
import { FRESH_ID, freshIds } from './placeholder.js';

// The load generator. It is its own process, so that neither the server nor the bench slows it down.

/** A request that a connection repeats, each time followed by `then`; FRESH_ID in a body becomes a new id each time. */
export interface Target {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers: Record<string, string>;
  body?: string;
  then?: Target;
}

/** One burst of load. */
export interface LoadJob {
  url: string;
  /** Connection i sends targets[i % length]. */
  targets: Target[];
  connections: number;
  seconds: number;
  /** Part of every fresh id; jobs with different runs never make the same id. */
  run: string;
}

/** The result of a burst of load. */
export interface LoadResult {
  /** Completed requests. */
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

const calls = { burst };
/** The functions of the load generator. */
export type LoadCalls = typeof calls;

async function burst(job: LoadJob): Promise<LoadResult> {
  const nextId = freshIds(job.run);
  const durations: number[] = [];
  const failures = new Map<string, number>();
  let connection = 0;
  let startedAt = 0;
  let endedAt = 0;

  const options: autocannon.Options = {
    url: job.url,
    connections: job.connections,
    duration: job.seconds,
    // How often autocannon checks whether the time is over, ms; its type lacks this option.
    ...{ sampleInt: 50 },
    setupClient: (client) => {
      const target = job.targets[connection++ % job.targets.length]!;
      const requests = target.then ? [target, target.then] : [target];
      client.setRequests(requests.map((request) => toRequest(request, nextId)));
    },
  };
  const fail = (reason: string): void => void failures.set(reason, (failures.get(reason) ?? 0) + 1);
  await new Promise<void>((resolve, reject) => {
    autocannon(options, (error) => (error ? reject(error as Error) : resolve()))
      .on('start', () => (startedAt = performance.now()))
      .on('response', (_client, status, _bytes, durationMs) => {
        endedAt = performance.now();
        if (status >= 200 && status < 300) durations.push(durationMs);
        else fail(`status ${status}`);
      })
      .on('reqError', (error: Error) => fail(error.message));
  });

  if (failures.size > 0) throw new Error(`Not every request succeeded: ${JSON.stringify([...failures])}`);
  durations.sort((a, b) => a - b);
  return {
    requests: durations.length,
    requestsPerSecond: (durations.length / (endedAt - startedAt)) * 1_000,
    p50Ms: durations[Math.floor(durations.length / 2)] ?? NaN,
    p99Ms: durations[Math.floor(durations.length * 0.99)] ?? NaN,
  };
}

function toRequest(target: Target, nextId: () => string): autocannon.Request {
  const { then: _then, ...request } = target;
  const { body } = request;
  if (!body?.includes(FRESH_ID)) return request;
  return {
    ...request,
    setupRequest: (prepared) => ({ ...prepared, body: body.replaceAll(FRESH_ID, nextId()) }),
  };
}

answerCalls(calls);
