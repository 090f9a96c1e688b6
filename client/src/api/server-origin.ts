/**
 * The origin that a server's address names, without slashes at its end; empty for an empty address.
 * @throws Error when it is no address of a server: without http or https, or with a path
 */
export function serverOrigin(address: string): string {
  if (address === '') return '';
  // No `URL` here: React Native's lacks most of its parts.
  const origin = /^(https?:\/\/[^\s/?#]+)\/*$/i.exec(address)?.[1];
  if (origin) return origin;
  throw new Error(`serverUrl: "${address}" is not an origin such as https://sync.example.org.`);
}
