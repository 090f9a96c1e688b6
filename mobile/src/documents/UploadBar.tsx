import { StyleSheet, View } from 'react-native';
import { Button } from '../components/Button';
import { ProgressLine } from '../components/ProgressLine';
import { space } from '../theme';
import type { UploadProgress } from './view';
import { describeProgress } from './words';

/** The progress of an import, with a button to cancel it. */
export function UploadBar({ progress, onCancel }: { progress: UploadProgress; onCancel: () => void }) {
  const percent = progress.share === null ? undefined : Math.floor(progress.share * 100);
  return (
    <View style={styles.upload}>
      <View style={styles.progress}>
        <ProgressLine
          label="Upload"
          words={describeProgress(progress)}
          percent={percent}
          testID="upload-progress"
        />
      </View>
      <Button label="Cancel" look="quiet" onPress={onCancel} testID="cancel-upload" />
    </View>
  );
}

const styles = StyleSheet.create({
  upload: { flexDirection: 'row', alignItems: 'center', gap: space.m },
  progress: { flex: 1 },
});
