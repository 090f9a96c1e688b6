import { yieldToEventLoop } from './yield-to-event-loop.js';

interface Asked<Q, A> {
  question: Q;
  resolve: (answer: A) => void;
  reject: (error: unknown) => void;
}

/** Runs one batch at a time; what is asked meanwhile makes up the next batch. */
export class Batcher<Q, A> {
  private waiting: Asked<Q, A>[] = [];
  /** Null while there is nothing to answer. */
  private running: Promise<void> | null = null;

  /** @param answer resolves to the answers in the order of the questions; its error fails every question of the batch */
  constructor(private readonly answer: (questions: Q[]) => Promise<A[]>) {}

  /** Adds a question to the next batch. */
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
