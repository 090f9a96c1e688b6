/** One who is measured. */
export interface Contender<S extends Record<string, number>> {
  name: string;
  /** For what is slow, or is to be seen from its very first time on. */
  isNotWarmedUp?: boolean;
  /** @param isWarmUp its result is thrown away */
  run(isWarmUp: boolean): Promise<S>;
}

/** What the rounds of one contender came to. */
export class Series<S extends Record<string, number>> {
  constructor(
    readonly name: string,
    readonly samples: S[],
  ) {}

  /** One quantity in the order of the rounds. */
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

/** Contenders by a key of the caller's; undefined: not there today. */
export type Contenders<S extends Record<string, number>> = Record<string, Contender<S> | undefined>;

/** What each contender's rounds came to, under the same keys. */
export type Alternated<S extends Record<string, number>, C extends Contenders<S>> = {
  [K in keyof C]: undefined extends C[K] ? Series<S> | undefined : Series<S>;
};

/**
 * Measures the contenders in turns, so that whatever else the machine does hits all alike: first a warm-up of each,
 * then the rounds, every other one in reverse order.
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

/** The middle of the values; of an even number, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
