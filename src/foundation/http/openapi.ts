import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { errors } from '../../protocol/errors.js';
import { sinceOf, type Schema, type Table } from '../../protocol/schema.js';
import { ID_PATTERN, REJECTION_REASONS } from '../../protocol/sync.js';
import { PROTOCOL_VERSION } from '../../protocol/version.js';

type JsonSchema = Record<string, unknown>;

const EPOCH_MS = { type: 'integer', format: 'int64' };
const ID = { type: 'string', pattern: ID_PATTERN.source };
const TEXT = { type: 'string' };
const CHECKPOINT = {
  type: 'string',
  pattern: '^[0-9]+-[0-9a-f]{8}$',
  description:
    'The account’s clock with its mark. Clients keep the newest one and send it with every request.',
};
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const listOf = (items: JsonSchema) => ({ type: 'array', items });

/**
 * Serves `/openapi.json` (OpenAPI 3.1) and `/docs`, made from the routes and the declared records. The first request
 * builds the document, because building it would take a tenth of the server's start.
 * @param descriptions the docstrings of controllers and DTOs, collected by the compiler
 */
export async function serveOpenApi(
  app: NestFastifyApplication,
  schema: Schema,
  descriptions: () => Promise<Record<string, unknown>>,
): Promise<void> {
  await SwaggerModule.loadPluginMetadata(descriptions);
  SwaggerModule.setup('docs', app, () => createDocument(app, schema), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Tidemark API',
  });
}

function createDocument(app: NestFastifyApplication, schema: Schema): OpenAPIObject {
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Tidemark')
    .setDescription(
      'Offline-first sync for WatermelonDB apps. Times are epoch milliseconds; errors are problem+json.',
    )
    .setVersion(String(PROTOCOL_VERSION))
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .addTag('Devices', 'Registering, pairing and revoking devices; tokens.')
    .addTag('Sync', 'Pulling and pushing records.')
    .addTag('Shares', 'Links by which people without an account watch one game.')
    .addTag('Documents', 'SQLite databases that belong to a video: locking, reading, replacing.')
    .addTag('Downloads', 'Documents by signed links, when the server keeps them itself.')
    .addTag('Health', 'For load balancers and monitors.')
    .build();
  const document = SwaggerModule.createDocument(app, base, { operationIdFactory: operationId });
  const used = new Set(operationsOf(document).flatMap(({ tags = [] }) => tags));
  document.tags = document.tags?.filter(({ name }) => used.has(name)); // own tables have no shares
  for (const operation of operationsOf(document)) operation.security ??= []; // no token is asked for
  document.components ??= {};
  document.components.schemas = {
    ...document.components.schemas,
    ...(recordSchemas(schema) as NonNullable<OpenAPIObject['components']>['schemas']),
  };
  return withoutNullable(document) as OpenAPIObject;
}

function operationsOf(document: OpenAPIObject): { security?: unknown[]; tags?: string[] }[] {
  return Object.values(document.paths).flatMap((path) =>
    Object.values(path).filter((member) => typeof member === 'object' && 'responses' in member),
  ) as { security?: unknown[]; tags?: string[] }[];
}

function operationId(controller: string, method: string): string {
  const feature = controller.replace(/Controller$/, '').toLowerCase();
  return feature + method.charAt(0).toUpperCase() + method.slice(1);
}

/** OpenAPI 3.1 writes `type: [T, "null"]` where 3.0 wrote `nullable: true`. */
function withoutNullable(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutNullable);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, ...rest } = node as JsonSchema;
  const members = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, withoutNullable(value)]),
  );
  return nullable === true ? { ...members, type: [rest.type, 'null'] } : { ...members };
}

function recordSchemas(schema: Schema): Record<string, JsonSchema> {
  const rows = Object.entries(schema.tables).map(([name, table]) => [rowName(name), rowSchema(table)]);
  return {
    ...(Object.fromEntries(rows) as Record<string, JsonSchema>),
    PullAnswer: pullAnswer(schema),
    PushedChanges: pushedChanges(schema),
    PushBody: {
      type: 'object',
      required: ['changes'],
      properties: {
        changes: ref('PushedChanges'),
        last_pulled_at: { ...EPOCH_MS, minimum: 1 },
        schema_version: { type: 'integer', minimum: 1 },
        history_id: TEXT,
        checkpoint: TEXT,
      },
    },
    PushAnswer: {
      type: 'object',
      required: ['ok', 'timestamp', 'checkpoint'],
      additionalProperties: false,
      properties: {
        ok: { const: true },
        timestamp: { ...EPOCH_MS, description: 'Never to be used as last_pulled_at.' },
        checkpoint: CHECKPOINT,
        rejected: listOf(ref('Rejection')),
        experimentalRejectedIds: {
          type: 'object',
          additionalProperties: listOf(TEXT),
          description: 'Ids by table that the client must keep as unsynced.',
        },
      },
    },
    Rejection: {
      type: 'object',
      required: ['table', 'id', 'reason'],
      additionalProperties: false,
      properties: {
        table: TEXT,
        id: TEXT,
        reason: {
          type: 'string',
          enum: REJECTION_REASONS,
        },
      },
    },
    Problem: {
      type: 'object',
      required: ['type', 'title', 'status', 'detail', 'code', 'hint', 'request_id'],
      properties: {
        type: TEXT,
        title: TEXT,
        status: { type: 'integer' },
        detail: { ...TEXT, description: 'What happened this time.' },
        code: { type: 'string', enum: Object.keys(errors) },
        hint: { ...TEXT, description: 'What to do next.' },
        request_id: TEXT,
      },
    },
  };
}

/** `game_players` → `GamePlayersRow`. */
function rowName(table: string): string {
  return `${table.replace(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase())}Row`;
}

function rowSchema(table: Table): JsonSchema {
  const columns = Object.entries(table.columns);
  // Answers omit columns of later versions for clients that do not know them, so these are not required.
  const always = columns.filter(([, column]) => sinceOf(table, column) === table.since).map(([name]) => name);
  return {
    type: 'object',
    required: ['id', ...always],
    additionalProperties: false,
    properties: {
      id: ID,
      ...Object.fromEntries(columns.map(([name, { jsonSchema }]) => [name, jsonSchema])),
    },
  };
}

function pullAnswer(schema: Schema): JsonSchema {
  const tables = Object.entries(schema.tables);
  const changes = tables.map(([name]) => [
    name,
    {
      type: 'object',
      required: ['created', 'updated', 'deleted'],
      additionalProperties: false,
      properties: {
        created: { ...listOf(ref(rowName(name))), maxItems: 0 },
        updated: listOf(ref(rowName(name))),
        deleted: listOf(ID),
      },
    },
  ]);
  return {
    type: 'object',
    required: ['changes', 'timestamp', 'history_id', 'checkpoint', 'schema_version'],
    additionalProperties: false,
    properties: {
      changes: {
        type: 'object',
        required: tables.filter(([, table]) => table.since === 1).map(([name]) => name),
        additionalProperties: false,
        properties: Object.fromEntries(changes) as JsonSchema,
      },
      timestamp: { ...EPOCH_MS, description: 'The next pull’s last_pulled_at.' },
      history_id: TEXT,
      checkpoint: CHECKPOINT,
      schema_version: { type: 'integer', description: 'The server’s.' },
      experimentalStrategy: { const: 'replacement' },
    },
  };
}

/** The schema of a push: columns may be missing, unknown columns are dropped, values are coerced. */
function pushedChanges(schema: Schema): JsonSchema {
  const tables = Object.entries(schema.tables).map(([name, table]) => {
    const columns = Object.entries(table.columns).map(([column, { jsonSchema }]) => [column, jsonSchema]);
    const row = {
      type: 'object',
      required: ['id'],
      properties: { id: TEXT, ...(Object.fromEntries(columns) as JsonSchema) },
    };
    return [
      name,
      { type: 'object', properties: { created: listOf(row), updated: listOf(row), deleted: listOf(TEXT) } },
    ];
  });
  return { type: 'object', properties: Object.fromEntries(tables) as JsonSchema };
}
