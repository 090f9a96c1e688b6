import type { Config } from '../foundation/config/config.js';

const MINUTE_MS = 60_000;

/** When changes are uploaded: some time after the last of them, and at the latest some time after the first. */
export interface UploadDelays {
  idleMs: number;
  checkpointMs: number;
}

/** The delays by the options. */
export function uploadDelays({ uploadIdleMinutes, uploadCheckpointMinutes }: Config): UploadDelays {
  return { idleMs: uploadIdleMinutes * MINUTE_MS, checkpointMs: uploadCheckpointMinutes * MINUTE_MS };
}
