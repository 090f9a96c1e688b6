import type { Contender, Series } from '../alternate.js';
import { profiled, type Lab } from '../lab/lab.js';
import type { Account, Server } from '../lab/world.js';
import type { Target } from '../load/main.js';
import type { Figure } from '../results.js';
import type { Profile } from '../server/profile.js';

/** The result of a burst of load; NaN: unknown for this contender. */
export type LoadSample = {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Processor time of the server process per request. */
  cpuUs: number;
};

/** A pull as WatermelonDB's example sends it, when nothing has changed since the last pull. */
export function pullTarget({ clock, headers }: Account, path = '/api/v1/sync/pull'): Target {
  return { method: 'GET', path: `${path}?last_pulled_at=${clock}&schema_version=1&migration=null`, headers };
}

/** A server of the bench under load. */
export function underLoad(lab: Lab, name: string, server: Server, targets: Target[]): Contender<LoadSample> {
  return {
    name,
    run: async (isWarmUp) => {
      await server.remote.call('watch');
      const { requests, ...rates } = await lab.load(server.url, targets, isWarmUp);
      const { cpuMs } = await server.remote.call('unwatch');
      return { ...rates, cpuUs: (cpuMs * 1_000) / requests };
    },
  };
}

/** A server under load that can only be measured from outside. */
export function underLoadFromOutside(
  lab: Lab,
  name: string,
  url: string,
  targets: Target[],
): Contender<LoadSample> {
  return {
    name,
    run: async (isWarmUp) => {
      const { requests: _requests, ...rates } = await lab.load(url, targets, isWarmUp);
      return { ...rates, cpuUs: NaN };
    },
  };
}

/** Profiles a server under the same load. */
export function profileOfLoad(lab: Lab, server: Server, targets: Target[]): () => Promise<Profile> {
  return () => profiled(server, () => lab.load(server.url, targets, false));
}

/** The rows of the table for contenders under load. */
export function loadFigures(series: Record<string, Series<LoadSample> | undefined>): Figure[] {
  return figuresOf(series, [
    ['requestsPerSecond', 'requests', '/s'],
    ['p50Ms', 'p50', 'ms'],
    ['p99Ms', 'p99', 'ms'],
    ['cpuUs', "server's processor time a request", 'µs'],
  ]);
}

/** The rows of the table for some quantities of each contender, without unknown ones. */
export function figuresOf<S extends Record<string, number>>(
  series: Record<string, Series<S> | undefined>,
  quantities: [key: keyof S & string, quantity: string, unit: string][],
): Figure[] {
  const known = Object.values(series).filter((one) => one !== undefined);
  return known.flatMap((one) =>
    quantities
      .map(([key, quantity, unit]) => ({ contender: one.name, quantity, values: one.values(key), unit }))
      .filter(({ values }) => !values.some(Number.isNaN)),
  );
}
