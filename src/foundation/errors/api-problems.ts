import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { errors } from '../../protocol/errors.js';

/** Documents the problems a route can answer with; 500, 503 and 507 are always included. */
export function ApiProblems(...statuses: number[]) {
  return applyDecorators(
    ...[...new Set([...statuses, 500, 503, 507])].map((status) => {
      const codes = Object.entries(errors)
        .filter(([, error]) => error.status === status)
        .map(([code, error]) => `\`${code}\`: ${error.title}.`);
      return ApiResponse({
        status,
        description: codes.join(' '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      });
    }),
  );
}
