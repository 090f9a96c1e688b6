import { StyleSheet, View } from 'react-native';
import { space, useColors } from '../theme';
import { AppText } from './AppText';
import { IconButton } from './Button';
import { useTidemark, useValue } from './tidemark-context';

const SHOWN_AT_ONCE = 2;

/** Messages to the user about what syncs did, each shown until it is dismissed. */
export function Notices() {
  const colors = useColors();
  const tidemark = useTidemark();
  const notices = useValue(tidemark.notices);
  return (
    <View aria-live="polite">
      {notices.slice(0, SHOWN_AT_ONCE).map(({ id, text }) => (
        <View
          key={id}
          testID="notice"
          style={[styles.notice, { backgroundColor: colors.tide, borderColor: colors.accent }]}
        >
          <AppText kind="small" style={styles.text}>
            {text}
          </AppText>
          <IconButton
            label="Dismiss this notice"
            icon="close"
            testID="dismiss-notice"
            onPress={() => tidemark.dismissNotice(id)}
          />
        </View>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  notice: {
    flexDirection: 'row',
    alignItems: 'center',
    paddingLeft: space.l,
    borderLeftWidth: 4,
    marginBottom: 1,
  },
  text: { flex: 1, paddingVertical: space.s },
});
