import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Closes the answers that wait behind another one when their connection breaks. Node closes only the one being sent, and
 * what the others hold would never be freed: whoever has to free it waits for their `close`.
 */
export function closeQueuedAnswers(server: Server): void {
  const queues = new WeakMap<Socket, Set<ServerResponse>>();
  server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
    if (answer.socket) return; // its turn has come already
    let queue = queues.get(socket);
    if (!queue) {
      queue = new Set();
      queues.set(socket, queue);
      socket.once('close', () => queue!.forEach(closeUnlessSent));
    }
    queue.add(answer);
    answer.once('close', () => queue.delete(answer));
  });
}

function closeUnlessSent(answer: ServerResponse): void {
  if (answer.socket) return;
  answer.destroy();
  answer.emit('close');
}
