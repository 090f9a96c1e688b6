import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** Figures of the process itself: collected once, as that costs time, even if several servers run in the process. */
let ofProcess: Registry | undefined;

/** What monitors read at `/metrics`; the parts of the server add their own figures. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly readers: (() => Promise<void>)[] = [];

  /** Content-Type of the text. */
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** Adds a figure that only grows. */
  addCounter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  /**
   * Adds figures that go up and down; one call reads them all, at each request for the metrics.
   * @param help a sentence for each name
   */
  addGauges<N extends string>(help: Record<N, string>, read: () => Promise<Record<N, number>>): void {
    const gauges = (Object.entries(help) as [N, string][]).map(
      ([name, sentence]) => [name, new Gauge({ name, help: sentence, registers: [this.registry] })] as const,
    );
    this.readers.push(async () => {
      const values = await read();
      for (const [name, gauge] of gauges) gauge.set(values[name]);
    });
  }

  /** Everything in Prometheus' text format. */
  async text(): Promise<string> {
    if (!ofProcess) collectDefaultMetrics({ register: (ofProcess = new Registry()) });
    await Promise.all(this.readers.map((read) => read()));
    return `${await this.registry.metrics()}\n${await ofProcess.metrics()}`;
  }
}
