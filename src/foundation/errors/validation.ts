import { ValidationPipe } from '@nestjs/common';
import { AppError } from './app-error.js';

/**
 * Validates a controller's DTOs by their decorators and drops undeclared members; faults become BAD_REQUEST. Used per
 * controller: a global pipe would also run for each parameter of the sync routes, without effect.
 */
export const validated = new ValidationPipe({
  whitelist: true,
  transform: true,
  exceptionFactory: (faults) => {
    const sentences = faults.flatMap(({ constraints }) => Object.values(constraints ?? {}));
    return new AppError('BAD_REQUEST', { detail: `${sentences.join('; ')}.` });
  },
});
