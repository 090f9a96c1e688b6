import { yieldToEventLoop } from './yield-to-event-loop.js';

interface Asked<Q, A> {
  question: Q;
  resolve: (answer: A) => void;
  reject: (error: unknown) => void;
}

/** Runs one batch at a time; questions asked meanwhile form the next batch. */
export class Batcher<Q, A> {
  private waiting: Asked<Q, A>[] = [];
  /** Null while nothing is being answered. */
  private running: Promise<void> | null = null;

  /** @param answer resolves to the answers in the order of the questions; if it fails, all questions of the batch fail */
  constructor(private readonly answer: (questions: Q[]) => Promise<A[]>) {}

  /** Adds a question to the next batch. */
  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Waits until all questions asked so far are answered. */
  async drain(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    // More requests may have arrived in the same turn of the event loop.
    await yieldToEventLoop();
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        const answers = await this.answer(batch.map(({ question }) => question));
        batch.forEach(({ resolve }, index) => resolve(answers[index]!));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.running = null;
  }
}
