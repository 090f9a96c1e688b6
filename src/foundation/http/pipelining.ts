import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Handles the requests of a connection one after the other, and closes a connection on which a second one has to wait.
 * Node would hand over each as soon as it has come, and a client that sends without reading would fill the memory with
 * answers that wait for their turn.
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
    // Node emits it when the answer before has been sent.
    answer.once('socket', () => {
      waiting.delete(socket);
      next();
    });
  });
}
