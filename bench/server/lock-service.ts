import type { LocksService } from '../../src/locks/locks.service.js';
import type { LockJob } from '../raw/lock-pairs.js';

/** Takes and releases locks by the service alone, without HTTP, guard and document. @returns pairs per second */
export async function lockByService(
  locks: LocksService,
  { accountId, videoIds, seconds }: LockJob,
): Promise<number> {
  const begun = performance.now();
  let pairs = 0;
  const work = async (videoId: string): Promise<void> => {
    const ref = { accountId, videoId, kind: 'layout' };
    const session = { sessionId: 'bench', userId: 'bench', deviceId: 'bench', name: 'bench' };
    for (; performance.now() - begun < seconds * 1_000; pairs += 1) {
      await locks.acquire(ref, { type: 'client', session, reason: null, takeOver: true });
      await locks.release(ref, session.sessionId, session.userId);
    }
  };
  await Promise.all(videoIds.map(work));
  return (pairs / (performance.now() - begun)) * 1_000;
}
