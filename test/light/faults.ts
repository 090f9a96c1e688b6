import type { Random } from '../convergence/random.js';
import type { Direction, Fate, Proxy, Target } from './proxy.js';

/** An event in a client's network at a moment of the run. */
export interface Fault {
  kind: FaultKind;
  /** Milliseconds after the start of the run. */
  at: number;
  /** A description for the timeline. */
  what: string;
  strike(proxy: Proxy): void;
}

const KINDS = {
  cut: 5,
  stall: 6,
  silence: 4,
  delay: 4,
  halfClose: 3,
  refuse: 3,
  fate: 8,
};

export type FaultKind = keyof typeof KINDS;

export const faultKinds = Object.keys(KINDS) as FaultKind[];

/**
 * Draws the faults of one client's network. Lasting faults end on their own or when the proxy heals, at `endsAt` at the
 * latest.
 * @param endsAt milliseconds after the start of the run
 */
export function drawFaults(random: Random, endsAt: number): Fault[] {
  const faults: Fault[] = [];
  const meanPauseMs = random.pick([800, 2_000, 4_000]);
  const pause = (): number => -Math.log(1 - random.next()) * meanPauseMs;
  for (let at = pause(); at < endsAt;) {
    const until = Math.min(endsAt, at + lasting(random));
    const kind = random.weighted(KINDS);
    faults.push(...draw[kind](random, at, until).map((fault) => ({ ...fault, kind })));
    // Half of the faults overlap; the others happen alone, to show their own effect.
    at = (random.chance(0.5) ? at : until) + pause();
  }
  return faults.filter((fault) => fault.at < endsAt);
}

/** Mostly shorter than the light's three seconds, sometimes longer than a request's timeout. */
const lasting = (random: Random): number =>
  random.chance(0.5)
    ? random.integer(50, 2_500)
    : random.chance(0.6)
      ? random.integer(2_500, 6_000)
      : random.integer(6_000, 14_000);

const target = (random: Random): Target => random.weighted<Target>({ all: 4, sockets: 2, requests: 2 });
const direction = (random: Random): Direction => random.weighted<Direction>({ both: 2, up: 1, down: 2 });

type Draw = (random: Random, at: number, until: number) => Omit<Fault, 'kind'>[];

const draw: Record<FaultKind, Draw> = {
  cut(random, at) {
    const how = random.pick(['reset', 'end'] as const);
    const which = target(random);
    return [{ at, what: `cut ${which} by ${how}`, strike: (proxy) => proxy.cut(how, which) }];
  },

  stall(random, at, until) {
    const which = direction(random);
    const isCut = random.chance(0.3);
    return [
      { at, what: `stall ${which}`, strike: (proxy) => proxy.stall(which) },
      {
        at: until,
        what: isCut ? 'stall ends by cut' : 'stall ends',
        strike: (proxy) => {
          if (isCut) proxy.cut('reset');
          proxy.stall(null);
        },
      },
    ];
  },

  silence(random, at) {
    const which = target(random);
    return [{ at, what: `${which} fall silent for ever`, strike: (proxy) => proxy.silence(which) }];
  },

  delay(random, at, until) {
    const delay = { base: random.integer(0, 1_200), jitter: random.integer(0, 1_500) };
    return [
      {
        at,
        what: `delay of ${delay.base} ms and up to ${delay.jitter} more`,
        strike: (proxy) => (proxy.delay = delay),
      },
      { at: until, what: 'delay ends', strike: (proxy) => (proxy.delay = null) },
    ];
  },

  halfClose(random, at) {
    const [way, which] = [random.pick(['up', 'down'] as const), target(random)];
    return [{ at, what: `${which} half-closed, ${way}`, strike: (proxy) => proxy.halfClose(way, which) }];
  },

  refuse(random, at, until) {
    const isCut = random.chance(0.7);
    return [
      {
        at,
        what: isCut ? 'cut, new connections refused' : 'new connections refused',
        strike: (proxy) => {
          proxy.isRefusing = true;
          if (isCut) proxy.cut('reset');
        },
      },
      { at: until, what: 'connections accepted again', strike: (proxy) => (proxy.isRefusing = false) },
    ];
  },

  fate(random, at) {
    const fates = Array.from({ length: random.integer(1, 3) }, () =>
      random.weighted<Fate>({ 'answer lost': 3, 'sent twice': 2, 'copy later': 2 }),
    );
    return [
      { at, what: `next requests: ${fates.join(', ')}`, strike: (proxy) => proxy.fates.push(...fates) },
    ];
  },
};
