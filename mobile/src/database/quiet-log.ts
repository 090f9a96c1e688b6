import logger from '@nozbe/watermelondb/utils/common/logger/index.js';

/** Keeps WatermelonDB from telling of every step; what it takes for a mistake is still told. */
export function quietLog(): void {
  logger.log = () => undefined;
}
