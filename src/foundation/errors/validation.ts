import { ValidationPipe } from '@nestjs/common';
import { AppError } from './app-error.js';

/**
 * Holds a controller's DTOs to their decorators and drops what they do not declare; faults become BAD_REQUEST. Used by
 * controller: as a global pipe it would also run, to no effect, for each parameter of the sync routes.
 */
export const validated = new ValidationPipe({
  whitelist: true,
  transform: true,
  exceptionFactory: (faults) => {
    const sentences = faults.flatMap(({ constraints }) => Object.values(constraints ?? {}));
    return new AppError('BAD_REQUEST', { detail: `${sentences.join('; ')}.` });
  },
});
