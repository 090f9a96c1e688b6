import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createApp } from './app.js';
import type { Config } from './foundation/config/config.js';
import { AppStartError } from './foundation/errors/app-start-error.js';
import { Lifecycle } from './operations/lifecycle.js';
import { createLogger } from './operations/log.js';
import { MetricsPort } from './operations/metrics-port.js';
import { frontPage } from './web/web-app.js';

/** How long closing files and connections may take. */
const CLOSE_MS = 15_000;
const LINGER_MS = 500;

/**
 * Runs the server until a signal ends it. Before it is ready a signal ends the process at once, whatever it is doing.
 * @returns the exit code: 0 when every request finished, 1 when some were cut off
 * @throws AppStartError with a sentence for the operator
 */
export async function serve(config: Config): Promise<number> {
  const stopEnding = endAtSignals();
  const logger = await createLogger(config.logLevel);
  const app = await createApp(config, { logger });
  let signalled: Promise<NodeJS.Signals>;
  let metrics: string | null;
  try {
    await app.init();
    signalled = firstSignal();
    stopEnding();
    await listen(app, config);
    metrics = await listenForMonitors(app, config);
  } catch (error) {
    // Not awaited: what does not close is closed by the end of the process.
    app.close().catch(() => undefined);
    throw error;
  }
  announce(app, config, logger, metrics);
  const signal = await signalled;
  logger.info({ signal }, 'Stopping: running requests and uploads finish first');
  const isClean = await drain(app, config, logger);
  if (!isClean) logger.warn('Some requests did not finish in time');
  logger.info('Stopped');
  const exitCode = isClean ? 0 : 1;
  // Cancelled requests to a store that does not answer would keep the process alive for minutes.
  setTimeout(() => process.exit(exitCode), LINGER_MS).unref();
  return exitCode;
}

async function drain(app: NestFastifyApplication, config: Config, logger: Logger): Promise<boolean> {
  try {
    return await app.get(Lifecycle).drain(config.shutdownDeadlineSeconds * 1_000);
  } finally {
    // A module may wait for something that never happens.
    setTimeout(() => {
      logger.warn('Something did not close in time');
      process.exit(1);
    }, CLOSE_MS).unref();
    await app.close();
  }
}

async function listen(app: NestFastifyApplication, config: Config): Promise<void> {
  try {
    // Not app.listen: Nest would log a failure itself, before our message.
    await app.getHttpAdapter().getInstance().listen({ port: config.port, host: config.host });
  } catch (error) {
    throw cannotListen(error, config.host, config.port, 'port');
  }
}

/** @returns the address of the metrics; null: METRICS_PORT is not set */
async function listenForMonitors(app: NestFastifyApplication, config: Config): Promise<string | null> {
  if (config.metricsPort === null) return null;
  try {
    return await app.get(MetricsPort).listen(config.metricsPort);
  } catch (error) {
    throw cannotListen(error, '127.0.0.1', config.metricsPort, 'metrics-port');
  }
}

function cannotListen(error: unknown, host: string, port: number, flag: string): AppStartError {
  const { code, message } = error as NodeJS.ErrnoException;
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} is taken; choose another with --${flag}.`,
    EACCES: `This user may not listen on port ${port}; choose one above 1023 with --${flag}.`,
    EADDRNOTAVAIL: `This machine has no address ${host}; see --host.`,
    ENOTFOUND: `The host "${host}" is not known; see --host.`,
  };
  return new AppStartError(sentences[code ?? ''] ?? `Cannot listen: ${message}`, { cause: error });
}

function announce(app: NestFastifyApplication, config: Config, logger: Logger, metrics: string | null): void {
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const host = ['0.0.0.0', '::'].includes(config.host) ? 'localhost' : config.host;
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const front = frontPage(config);
  const addresses = {
    ...(front === 'app' && { app: base }),
    ...(front === 'tables' && { page: base }),
    api: `${base}${config.apiPrefix}`,
    docs: `${base}/docs`,
    health: `${base}/health/ready`,
    ...(metrics !== null && { metrics }),
  };
  if (!process.stdout.isTTY) {
    logger.info(addresses, 'Tidemark is ready');
    return;
  }
  const lines = Object.entries(addresses).map(([name, address]) => `  ${name.padEnd(8)}${address}`);
  const database = config.databaseUrl ? 'PostgreSQL' : `SQLite in ${config.dataDir}`;
  process.stdout.write(`\nTidemark is ready (${database}). Ctrl-C stops it.\n${lines.join('\n')}\n\n`);
}

/**
 * Makes signals end this process at once, as they do without any handler; but from process 1, which it is in a container,
 * the kernel withholds those that it does not handle.
 * @returns ends this
 */
function endAtSignals(): () => void {
  if (process.pid !== 1) return () => undefined;
  process.on('SIGTERM', exitBy).on('SIGINT', exitBy);
  return () => void process.off('SIGTERM', exitBy).off('SIGINT', exitBy);
}

/** Ends the process with the code by which shells report the signal. */
function exitBy(signal: NodeJS.Signals): never {
  process.exit(signal === 'SIGINT' ? 130 : 143);
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isSecond = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (isSecond) exitBy(signal);
      isSecond = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
