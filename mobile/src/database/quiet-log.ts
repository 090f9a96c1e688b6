import logger from '@nozbe/watermelondb/utils/common/logger/index.js';

/** Turns off WatermelonDB's log of every step; its warnings and errors are still logged. */
export function quietLog(): void {
  logger.log = () => undefined;
}
