/** A server, or another way to do the same work, that is measured. */
export interface Contender<S extends Record<string, number>> {
  name: string;
  /** True: no warm-up, as a round is slow or the first run is what is measured. */
  isNotWarmedUp?: boolean;
  /** Runs one round. @param isWarmUp the result is discarded */
  run(isWarmUp: boolean): Promise<S>;
}

/** The results of one contender's rounds. */
export class Series<S extends Record<string, number>> {
  constructor(
    readonly name: string,
    readonly samples: S[],
  ) {}

  /** The values of one quantity in the order of the rounds. */
  values(key: keyof S): number[] {
    return this.samples.map((sample) => sample[key]!);
  }

  /** The median of one quantity. */
  median(key: keyof S): number {
    return median(this.values(key));
  }

  /** The greatest value of one quantity. */
  max(key: keyof S): number {
    return Math.max(...this.values(key));
  }
}

/** Contenders by the caller's keys; undefined: not available in this run. */
export type Contenders<S extends Record<string, number>> = Record<string, Contender<S> | undefined>;

/** The results of each contender's rounds, under the same keys. */
export type Alternated<S extends Record<string, number>, C extends Contenders<S>> = {
  [K in keyof C]: undefined extends C[K] ? Series<S> | undefined : Series<S>;
};

/**
 * Measures the contenders in turns, so that other load on the machine affects all alike: first a warm-up of each, then the
 * rounds, every second one in reverse order.
 */
export async function alternate<S extends Record<string, number>, C extends Contenders<S>>(
  { settings, tell }: { settings: { rounds: number }; tell: (line: string) => void },
  contenders: C & Contenders<S>,
): Promise<Alternated<S, C>> {
  const entries = Object.entries(contenders).flatMap(([key, contender]) =>
    contender ? [{ key, contender, samples: [] as S[] }] : [],
  );
  for (const { contender } of entries) {
    if (contender.isNotWarmedUp) continue;
    tell(`  warming up: ${contender.name}`);
    await contender.run(true);
  }
  for (let round = 0; round < settings.rounds; round++) {
    tell(`  round ${round + 1} of ${settings.rounds}`);
    const order = round % 2 === 0 ? entries : entries.toReversed();
    for (const { contender, samples } of order) samples.push(await contender.run(false));
  }
  const series = entries.map(({ key, contender, samples }) => [key, new Series(contender.name, samples)]);
  return Object.fromEntries(series) as Alternated<S, C>;
}

/** The median; for an even number of values, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
