import type { SyncStatus } from '@tidemark/client';
import { ProgressLine } from './ProgressLine';
import { describeProgress, progressShare } from './words';

/** The progress of a long sync. */
export function ProgressBar({ progress }: { progress: NonNullable<SyncStatus['progress']> }) {
  const share = progressShare(progress);
  const percent = share === null ? undefined : Math.round(share * 100);
  const words = describeProgress(progress);
  return <ProgressLine label={words} words={words} percent={percent} testID="progress" />;
}
