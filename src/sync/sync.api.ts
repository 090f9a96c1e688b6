import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiQuery } from '@nestjs/swagger';
import { ApiProblems } from '../foundation/errors/api-problems.js';
import { MetaAnswer, StatusAnswer } from './sync.dto.js';

// The sync routes in the OpenAPI document. The schemas of tables and rows come from the declaration (openapi.ts).

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const ClientStateQuery = () =>
  applyDecorators(
    ApiQuery({
      name: 'last_pulled_at',
      required: false,
      schema: { type: ['integer', 'string', 'null'] as never },
      description: 'The timestamp of the last pull. Absent, empty, 0, null and undefined mean a first sync.',
    }),
    ApiQuery({
      name: 'schema_version',
      required: false,
      schema: { type: 'integer', minimum: 1 },
      description: 'The app’s schema version; absent: the server’s.',
    }),
    ApiQuery({
      name: 'history_id',
      required: false,
      schema: { type: 'string' },
      description: 'The history_id of the first pull; another one answers 409 HISTORY_CHANGED.',
    }),
    ApiQuery({
      name: 'checkpoint',
      required: false,
      schema: { type: 'string' },
      description:
        'The newest checkpoint that any answer told; one that the server does not have answers 409 HISTORY_CHANGED.',
    }),
  );

/** Documents `GET /sync/pull`. */
export const ApiPull = () =>
  applyDecorators(
    ClientStateQuery(),
    ApiQuery({
      name: 'migration',
      required: false,
      schema: { type: 'string' },
      description: 'WatermelonDB’s migration object as JSON; absent or "null": none.',
    }),
    ApiQuery({
      name: 'replacement',
      required: false,
      schema: { type: 'string', enum: ['0', '1'] },
      description: '1: the client passes experimentalStrategy on, so its data may be replaced.',
    }),
    ApiHeader({ name: 'Accept-Encoding', required: false, description: 'gzip is used when accepted.' }),
    ApiOkResponse({
      description: 'Every change since the last pull.',
      headers: {
        'Tidemark-Rows': { description: 'Rows and deletions in this answer.', schema: { type: 'integer' } },
      },
      schema: ref('PullAnswer'),
    }),
    ApiProblems(400, 401, 409),
  );

/** Documents `POST /sync/push`. */
export const ApiPush = () =>
  applyDecorators(
    ClientStateQuery(),
    ApiBody({
      description: 'The changes with their fields, or the bare changes object with the fields in the query.',
      schema: { anyOf: [ref('PushBody'), ref('PushedChanges')] },
    }),
    ApiOkResponse({
      description: 'Everything was applied, but for what is listed.',
      schema: ref('PushAnswer'),
    }),
    ApiProblems(400, 401, 403, 409, 413, 415),
  );

/** Documents `GET /sync/meta`. */
export const ApiMeta = () => applyDecorators(ApiOkResponse({ type: MetaAnswer }), ApiProblems(401));

/** Documents `GET /sync/status`. */
export const ApiStatus = () =>
  applyDecorators(ClientStateQuery(), ApiOkResponse({ type: StatusAnswer }), ApiProblems(400, 401, 409));
