import { Catch, Logger, type ArgumentsHost, type WsExceptionFilter } from '@nestjs/common';
import type { ErrorCode } from '../../protocol/errors.js';
import { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import { hangUpIfFinal, type AnySocket } from './client-socket.js';

const logger = new Logger('Realtime');

/** Answers an event with the problem of its handler's error; hangs up if the error makes the connection useless. */
@Catch()
export class SocketProblemFilter implements WsExceptionFilter {
  /** @param final errors after which the connection is useless */
  constructor(private readonly final: readonly ErrorCode[]) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const [socket, , answer] = host.getArgs<[AnySocket, unknown, (answer: object) => void]>();
    const error = toAppError(thrown);
    answer({ problem: toProblem(error, socket.id) });
    hangUpIfFinal(socket, error, this.final);
  }
}

/** The error by which a handshake is refused, with its problem; the refusal is logged. */
export function refusalOf({ id }: Pick<AnySocket, 'id'>, thrown: unknown, log: Logger): Error {
  const error = toAppError(thrown);
  log.log(`Refused socket ${id}: ${error.code}`);
  return Object.assign(new Error(error.code), { data: toProblem(error, id) });
}

/** The error to send to a client; an unexpected error is logged and becomes INTERNAL, without details. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  logger.error(thrown);
  return new AppError('INTERNAL', {}, { cause: thrown });
}
