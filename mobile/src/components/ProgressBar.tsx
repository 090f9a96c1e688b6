import { StyleSheet, View } from 'react-native';
import type { SyncStatus } from '../sync/status';
import { space, useColors } from '../theme';
import { AppText } from './AppText';
import { describeProgress, progressShare } from './words';

/** How far a long sync is, as a line that fills and in words. */
export function ProgressBar({ progress }: { progress: NonNullable<SyncStatus['progress']> }) {
  const colors = useColors();
  const share = progressShare(progress);
  const percent = share === null ? undefined : Math.round(share * 100);
  return (
    <View
      role="progressbar"
      testID="progress"
      aria-label={describeProgress(progress)}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      style={styles.progress}
    >
      <View style={[styles.track, { backgroundColor: colors.rule }]}>
        <View style={[styles.fill, { backgroundColor: colors.accent, width: `${percent ?? 100}%` }]} />
      </View>
      <AppText kind="small" color={colors.inkSoft}>
        {describeProgress(progress)}
      </AppText>
    </View>
  );
}

const styles = StyleSheet.create({
  progress: { gap: space.xs },
  track: { height: 4, borderRadius: 2, overflow: 'hidden' },
  fill: { height: 4 },
});
