import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of the process, shared by all servers in it, as collecting them costs time. */
let ofProcess: Registry | undefined;

/** The metrics at `/metrics`; each part of the server adds its own. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly readers: (() => Promise<void>)[] = [];

  /** Content-Type of the text. */
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** Adds a metric that only grows; with labels, one for each of their values. */
  addCounter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** Adds a metric of how long something takes, in seconds. */
  addHistogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, registers: [this.registry] });
  }

  /** Adds a metric that goes up and down, one for each value of a label. Each request for the metrics calls `read`. */
  addLabelledGauge(name: string, help: string, label: string, read: () => Record<string, number>): void {
    const gauge = new Gauge({ name, help, labelNames: [label], registers: [this.registry] });
    this.readers.push(async () => {
      for (const [value, number] of Object.entries(read())) gauge.set({ [label]: value }, number);
    });
  }

  /**
   * Adds metrics that go up and down. Each request for the metrics calls `read` once for all of them.
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

  /** All metrics in Prometheus' text format. */
  async text(): Promise<string> {
    if (!ofProcess) collectDefaultMetrics({ register: (ofProcess = new Registry()) });
    await Promise.all(this.readers.map((read) => read()));
    return `${await this.registry.metrics()}\n${await ofProcess.metrics()}`;
  }
}
