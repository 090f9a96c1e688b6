import { yieldToEventLoop } from './yield-to-event-loop.js';

interface Asked<Q, A> {
  question: Q;
  resolve: (answer: A) => void;
  reject: (error: unknown) => void;
}

/** Answers questions together that are asked while others are being answered: one batch is under way at a time. */
export class Batcher<Q, A> {
  private waiting: Asked<Q, A>[] = [];
  /** Null: nobody waits. */
  private running: Promise<void> | null = null;

  /** @param answer gives the answers in the questions' order; what it throws is thrown at everyone who asked */
  constructor(private readonly answer: (questions: Q[]) => Promise<A[]>) {}

  /** Asks along with whoever else waits. */
  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Waits until everything asked so far is answered. */
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
