import { StyleSheet, View } from 'react-native';
import { AppText } from '../components/AppText';
import { EmptyState } from '../components/EmptyState';
import { messageOf } from '../components/words';
import { space, useColors } from '../theme';

/** What the app shows when the data on this device cannot be opened. */
export function FailedScreen({ failure }: { failure: unknown }) {
  const colors = useColors();
  return (
    <View role="main" style={[styles.screen, { backgroundColor: colors.paper }]}>
      <EmptyState icon="tide" title="The games cannot be opened" level={1}>
        Close Tidemark and open it again. In a private browser window storage may be switched off; use a
        normal window there.
      </EmptyState>
      <AppText kind="small" color={colors.inkSoft} style={styles.detail}>
        {messageOf(failure)}
      </AppText>
    </View>
  );
}

const styles = StyleSheet.create({
  screen: { flex: 1 },
  detail: { textAlign: 'center', padding: space.l },
});
