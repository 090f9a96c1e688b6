/** Schemes of addresses that no page is loaded from. */
const NO_PAGES = ['ws:', 'wss:', 'ftp:', 'file:'];

/**
 * Writes web origins as browsers do, in lower case and without a slash or a default port: otherwise none would match.
 * @param list origins separated by commas; `*`: all; `null`: pages without an origin of their own
 * @returns the same list, `*` if that is in it; or the first entry that is no origin
 */
export function normalizeOrigins(list: string): { origins: string } | { fault: string } {
  const entries = list.split(',').map((entry) => entry.trim());
  const origins = new Set<string>();
  for (const entry of entries.filter((text) => text !== '')) {
    const origin = normalize(entry);
    if (origin === null) return { fault: entry };
    origins.add(origin);
  }
  if (origins.size === 0) return { fault: list };
  return { origins: origins.has('*') ? '*' : [...origins].join(',') };
}

function normalize(entry: string): string | null {
  if (entry === '*' || entry === 'null') return entry;
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#@*\\\s]+\/?$/i.test(entry) || !URL.canParse(entry)) return null;
  const { protocol, host, origin } = new URL(entry);
  if (NO_PAGES.includes(protocol)) return null;
  // Apps in a web view have schemes of their own, such as capacitor://localhost, for which URL knows no origin.
  return origin === 'null' ? `${protocol}//${host.toLowerCase()}` : origin;
}
