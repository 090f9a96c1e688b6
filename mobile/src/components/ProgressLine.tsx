import { StyleSheet, View } from 'react-native';
import { space, useColors } from '../theme';
import { AppText } from './AppText';

/** The progress of something, as a line that fills and in words. @param percent undefined: not known */
export function ProgressLine({
  label,
  words,
  percent,
  testID,
}: {
  label: string;
  words: string;
  percent: number | undefined;
  testID: string;
}) {
  const colors = useColors();
  return (
    <View
      role="progressbar"
      testID={testID}
      aria-label={label}
      aria-valuetext={words === label ? undefined : words}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      style={styles.progress}
    >
      <View style={[styles.track, { backgroundColor: colors.rule }]}>
        <View style={[styles.fill, { backgroundColor: colors.accent, width: `${percent ?? 100}%` }]} />
      </View>
      <AppText kind="small" color={colors.inkSoft}>
        {words}
      </AppText>
    </View>
  );
}

const styles = StyleSheet.create({
  progress: { gap: space.xs },
  track: { height: 4, borderRadius: 2, overflow: 'hidden' },
  fill: { height: 4 },
});
