import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Handles a connection's requests one at a time. One more request may wait; a further one closes the connection. Node
 * would dispatch each request on arrival, so a client that sends without reading would fill the memory with unsent
 * answers.
 */
export function limitPipelining(server: FastifyInstance): void {
  const waiting = new WeakSet<Socket>();
  server.addHook('onRequest', ({ raw: { socket } }, { raw: answer }, next) => {
    if (answer.socket) return next();
    if (waiting.has(socket)) {
      socket.destroy();
      return;
    }
    waiting.add(socket);
    // Node emits `socket` when the previous answer has been sent.
    answer.once('socket', () => {
      waiting.delete(socket);
      next();
    });
  });
}
