import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { AppError } from '../foundation/errors/app-error.js';
import { errors } from '../protocol/errors.js';
import { HealthDetails } from './health-details.js';
import { Metrics } from './metrics.js';

/** Only this machine's monitors reach it, so they need no token. */
const HOST = '127.0.0.1';

interface Answer {
  contentType: string;
  body: string;
}

/** A second port, METRICS_PORT, with the metrics and the details of health. */
@Injectable()
export class MetricsPort implements OnApplicationShutdown {
  private readonly logger = new Logger('Metrics');
  private readonly pages: ReadonlyMap<string, () => Promise<Answer>>;
  private server?: Server;

  constructor(metrics: Metrics, health: HealthDetails) {
    this.pages = new Map([
      ['/metrics', async () => ({ contentType: metrics.contentType, body: await metrics.text() })],
      [
        '/health',
        async () => ({ contentType: 'application/json', body: JSON.stringify(await health.answer()) }),
      ],
    ]);
  }

  /**
   * Begins to answer.
   * @returns the address of the metrics
   * @throws Error when the port is taken
   */
  async listen(port: number): Promise<string> {
    const server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        this.logger.error(error);
        response.writeHead(error instanceof AppError ? errors[error.code].status : 500).end();
      });
    });
    server.listen(port, HOST);
    await once(server, 'listening'); // rejects at the event 'error'
    this.server = server;
    return `http://${HOST}:${(server.address() as AddressInfo).port}/metrics`;
  }

  private async answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = this.pages.get(url.split('?', 1)[0]!);
    if (method !== 'GET' || !page) {
      response.writeHead(404).end();
      return;
    }
    const { contentType, body } = await page();
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
  }

  onApplicationShutdown(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }
}
