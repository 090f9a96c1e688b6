import type { PipeTransform } from '@nestjs/common';
import { AppError } from '../foundation/errors/app-error.js';
import { VIDEO_ID_PATTERN } from '../protocol/documents.js';

/** Checks a video id in a path. @throws AppError BAD_REQUEST */
export const videoId: PipeTransform<string, string> = {
  transform(id) {
    if (VIDEO_ID_PATTERN.test(id)) return id;
    throw new AppError('BAD_REQUEST', { detail: 'The id of a video has 1 to 64 letters, digits, - and _.' });
  },
};
