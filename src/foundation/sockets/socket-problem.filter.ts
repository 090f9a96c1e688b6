import { Catch, Logger, type ArgumentsHost, type WsExceptionFilter } from '@nestjs/common';
import { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import { hangUpIfFinal, type ClientSocket } from './client-socket.js';

const logger = new Logger('Realtime');

/** Answers an event with the problem that its handler threw; hangs up when the problem is final. */
@Catch()
export class SocketProblemFilter implements WsExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const [socket, , answer] = host.getArgs<[ClientSocket, unknown, (answer: object) => void]>();
    const error = toAppError(thrown);
    answer({ problem: toProblem(error, socket.id) });
    hangUpIfFinal(socket, error);
  }
}

/** What a client is told; an error that nobody expected is logged and says nothing of its inside. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  logger.error(thrown);
  return new AppError('INTERNAL', {}, { cause: thrown });
}
