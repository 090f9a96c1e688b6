import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppModule } from './app.module.js';
import { AccessTokens } from './auth/access-tokens.js';
import { bearerToken } from './auth/device.guard.js';
import { RateLimits } from './auth/rate-limits.js';
import { declaredTables } from './declared-tables.js';
import type { Config } from './foundation/config/config.js';
import type { Now } from './foundation/config/config.module.js';
import type { Database } from './foundation/database/database.js';
import { openDatabase } from './foundation/database/open.js';
import { passBinaryBodies } from './foundation/http/binary-body.js';
import { ClientErrors } from './foundation/http/client-errors.js';
import { corsHeaders, corsOptions } from './foundation/http/cors.js';
import { readJsonBodies } from './foundation/http/json-body.js';
import { LargeBodies } from './foundation/http/large-bodies.js';
import { serveOpenApi } from './foundation/http/openapi.js';
import { limitPipelining } from './foundation/http/pipelining.js';
import { ProblemFilter } from './foundation/http/problem.filter.js';
import { drainUnreadBodies } from './foundation/http/unread-body.js';
import metadata from './metadata.js';
import { Cluster } from './foundation/sockets/cluster.js';
import { SocketIoAdapter } from './foundation/sockets/io.adapter.js';
import { HealthDetails } from './operations/health-details.js';
import { Lifecycle } from './operations/lifecycle.js';
import { createLogger, logRequests, nestLogger, requestId } from './operations/log.js';
import { Metrics } from './operations/metrics.js';
import { showPairingAlert } from './operations/pairing-alert.js';
import { ReadinessChecks } from './operations/readiness-checks.js';
import type { Schema } from './protocol/schema.js';
import { serverTables } from './tables.js';
import { serveWebApp } from './web/web-app.js';

/** A request that is not complete after this time is cut off. */
const REQUEST_MS = 15 * 60_000;

/** Parts of a server beyond its settings; all have defaults. */
export interface AppParts {
  /** The declared records; default: as the option TABLES. */
  schema?: Schema;
  /** The server's clock, epoch ms. */
  now?: Now;
  /** How long PostgreSQL may take to answer a one-shot statement; default: 15 s. */
  answerTimeoutMs?: number;
  logger?: Logger;
}

/**
 * Creates a server that is ready to listen: its database is opened and migrated, its routes are registered.
 * @throws AppStartError with a sentence for the operator
 */
export async function createApp(config: Config, parts: AppParts = {}): Promise<NestFastifyApplication> {
  const { schema = await declaredTables(config.tables), now } = parts;
  const logger = parts.logger ?? (await createLogger(config.logLevel));
  const database = await openDatabase(config, schema, serverTables, {
    answerTimeoutMs: parts.answerTimeoutMs,
    tell: (sentence) => logger.warn(sentence),
  });
  try {
    return await assemble(config, { schema, now, logger, database });
  } catch (error) {
    // The end of a start waits for nothing.
    database.close().catch(() => undefined);
    throw error;
  }
}

interface Foundation {
  schema: Schema;
  now?: Now;
  logger: Logger;
  database: Database;
}

async function assemble(
  config: Config,
  { schema, now, logger, database }: Foundation,
): Promise<NestFastifyApplication> {
  const problems = new ProblemFilter(logger);
  const clientErrors = new ClientErrors(config.corsOrigins);
  const adapter = new FastifyAdapter<Server>({
    // Trust only the entry of the nearest proxy: clients can forge all entries before it.
    trustProxy: config.trustProxy && ((_address: string, hop: number) => hop === 0),
    genReqId: requestId,
    requestIdHeader: false,
    requestTimeout: REQUEST_MS,
    // After draining, cut the connections that are left.
    forceCloseConnections: true,
    // Errors before a route is found, such as an invalid URL, do not reach Nest's filters.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      void reply.headers(corsHeaders(config.corsOrigins, request.headers.origin));
      void reply.header('x-request-id', request.id);
      problems.send(error, request, reply);
    },
    clientErrorHandler: clientErrors.handle,
    http: { requireHostHeader: false }, // `clientErrors` requires it
    routerOptions: { maxParamLength: 200 },
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with({ config, now, database, schema }),
    adapter,
    { logger: nestLogger(logger), bodyParser: false, abortOnError: false },
  );
  app.setGlobalPrefix(config.apiPrefix, { exclude: ['health', 'health/live', 'health/ready', 'metrics'] });
  app.useGlobalFilters(problems);
  app.useWebSocketAdapter(new SocketIoAdapter(app, app.get(Cluster)));
  if (config.corsOrigins) app.enableCors(corsOptions(config.corsOrigins));

  const server = adapter.getInstance();
  clientErrors.watch(server);
  limitPipelining(server);
  app.get(Lifecycle).watch(server);
  app.get(ReadinessChecks).add(() => database.checkWritable());
  showPairingAlert(app.get(RateLimits), app.get(HealthDetails), app.get(Metrics));
  logRequests(server, logger);
  const tokens = app.get(AccessTokens);
  const accountOf = ({ headers }: FastifyRequest) =>
    tokens.verify(bearerToken(headers.authorization)).accountId;
  readJsonBodies(server, new LargeBodies(config.maxBodyBytes, accountOf));
  passBinaryBodies(server);
  drainUnreadBodies(server, (request) => Boolean(request.device ?? request.operatorAccountId));
  await serveOpenApi(app, schema, metadata);
  const uncopied = await serveWebApp(server, config, schema);
  if (uncopied !== null) {
    const text = 'The web app is served from the folder of its build, as it cannot be copied to DATA_DIR/web';
    logger.warn({ reason: uncopied }, `${text}; restart the server after a new build`);
    app
      .get(HealthDetails)
      .add('web', { isDegraded: async () => true, figures: async () => ({ is_copied: false }) });
  }
  return app;
}
