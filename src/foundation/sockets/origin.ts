import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a web page of this origin may connect: the server's own pages and those of `CORS_ORIGINS`. Browsers do not
 * apply CORS to WebSockets, so without this check any page could connect. Phones and programs send no origin.
 */
export function isOriginAllowed(
  headers: IncomingHttpHeaders,
  config: { corsOrigins: string | null; trustProxy: boolean },
): boolean {
  const { origin } = headers;
  if (origin === undefined) return true;
  const allowed = (config.corsOrigins ?? '').split(',');
  if (allowed.includes('*') || allowed.includes(origin)) return true;
  const forwarded = config.trustProxy ? headers['x-forwarded-host'] : undefined;
  const own = [headers.host, ...[forwarded ?? []].flat()].flatMap((hosts) => hosts?.split(',') ?? []);
  return own.some((host) => host.trim().toLowerCase() === hostOf(origin));
}

/** An origin's host and port, without a default port, as in the Host header. Null: not a valid origin. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
