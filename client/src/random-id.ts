import { hex } from './hex.js';

/** A random id of 32 hexadecimal digits. Not randomUUID: browsers do not offer it to pages over plain HTTP. */
export function randomId(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}
