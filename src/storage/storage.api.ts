import { applyDecorators } from '@nestjs/common';
import { ApiOkResponse, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { ApiProblems } from '../foundation/errors/api-problems.js';

const text = { type: 'string' as const };
const header = (description: string) => ({ description, required: true, schema: text });
const headers = {
  ETag: header('Identifies the bytes, for If-Range.'),
  'Content-Disposition': header('The name to save it by.'),
};
const content = {
  'application/vnd.sqlite3': { schema: { type: 'string' as const, format: 'binary' } },
};

/** Documents a download route; GET and HEAD take the same link. */
export function ApiDownload({ hasBody }: { hasBody: boolean }) {
  const body = hasBody ? { content } : {};
  return applyDecorators(
    ApiQuery({ name: 'key', description: 'Which object.', schema: text }),
    ApiQuery({ name: 'name', description: 'The name to save it by.', schema: text }),
    ApiQuery({ name: 'expires', description: 'Until when the link works, epoch ms.', schema: text }),
    ApiQuery({ name: 'signature', description: 'Of all the rest.', schema: text }),
    ApiOkResponse({ description: 'A gzipped SQLite database.', headers, ...body }),
    ApiResponse({
      status: 206,
      description: 'The part of the gzipped bytes that Range asks for.',
      headers: { ...headers, 'Content-Range': header('Which part of how many bytes.') },
      ...body,
    }),
    ApiProblems(400, 403, 404, 416),
  );
}
