import { send, type Reply } from './device.js';

/** The OPERATOR_TOKEN of all servers under test, unless a test sets another. */
export const OPERATOR_TOKEN = 'the-operator-of-the-servers-under-test';

/** Gets an address as the operator's monitors do, such as `/metrics`. */
export function getAsOperator(url: string): Promise<Reply> {
  return send('GET', url, { headers: { authorization: `Bearer ${OPERATOR_TOKEN}` } });
}
