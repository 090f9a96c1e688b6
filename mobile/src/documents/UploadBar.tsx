import { StyleSheet, View } from 'react-native';
import { AppText } from '../components/AppText';
import { Button } from '../components/Button';
import { space, useColors } from '../theme';
import type { UploadProgress } from './view';
import { describeProgress } from './words';

/** How far an upload is, and the way out of it. */
export function UploadBar({ progress, onCancel }: { progress: UploadProgress; onCancel: () => void }) {
  const colors = useColors();
  const percent = progress.share === null ? undefined : Math.floor(progress.share * 100);
  return (
    <View style={styles.upload}>
      <View
        role="progressbar"
        testID="upload-progress"
        aria-label="Upload"
        aria-valuetext={describeProgress(progress)}
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
      <Button label="Cancel" look="quiet" onPress={onCancel} testID="cancel-upload" />
    </View>
  );
}

const styles = StyleSheet.create({
  upload: { flexDirection: 'row', alignItems: 'center', gap: space.m },
  progress: { flex: 1, gap: space.xs },
  track: { height: 4, borderRadius: 2, overflow: 'hidden' },
  fill: { height: 4 },
});
