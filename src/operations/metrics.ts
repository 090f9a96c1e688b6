import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** Metrics of the process, shared by all servers in it, as collecting them costs time. */
let ofProcess: Registry | undefined;

/** The metrics at `/metrics`; each part of the server adds its own. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly readers: (() => Promise<void>)[] = [];

  /** Content-Type of the text. */
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** Adds a metric that only grows. */
  addCounter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  /**
   * Adds metrics that go up and down. Each request for the metrics calls `read` once for all of them; NaN when it fails.
   * @param help a sentence for each name
   */
  addGauges<N extends string>(help: Record<N, string>, read: () => Promise<Record<N, number>>): void {
    const gauges = (Object.entries(help) as [N, string][]).map(
      ([name, sentence]) => [name, new Gauge({ name, help: sentence, registers: [this.registry] })] as const,
    );
    this.readers.push(async () => {
      // What cannot be read hides no other metric.
      const values = await read().catch(() => null);
      for (const [name, gauge] of gauges) gauge.set(values?.[name] ?? NaN);
    });
  }

  /** All metrics in Prometheus' text format. */
  async text(): Promise<string> {
    if (!ofProcess) collectDefaultMetrics({ register: (ofProcess = new Registry()) });
    await Promise.all(this.readers.map((read) => read()));
    return `${await this.registry.metrics()}\n${await ofProcess.metrics()}`;
  }
}
