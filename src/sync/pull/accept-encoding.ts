import type { FastifyRequest } from 'fastify';

/** Whether the client accepts gzip: `Accept-Encoding` names it, or `*`, with a weight above 0. */
export function acceptsGzip(request: FastifyRequest): boolean {
  const header = request.headers['accept-encoding'];
  if (typeof header !== 'string') return false;
  return header.split(',').some((entry) => {
    const [name = '', weight = 'q=1'] = entry.split(';').map((part) => part.trim().toLowerCase());
    return (name === 'gzip' || name === '*') && weight.startsWith('q=') && Number(weight.slice(2)) > 0;
  });
}
