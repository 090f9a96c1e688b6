import { StyleSheet, View } from 'react-native';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { useColors } from '../theme';

/** What a tab shows while another tab has the database. */
export function ElsewhereScreen({ onUseHere }: { onUseHere: () => void }) {
  const colors = useColors();
  return (
    <View role="main" style={[styles.screen, { backgroundColor: colors.paper }]}>
      <EmptyState
        icon="device"
        title="Open in another tab"
        level={1}
        action={<Button label="Use here" look="primary" testID="use-here" onPress={onUseHere} />}
      >
        Tidemark works in one tab at a time, so that nothing you enter is overwritten.
      </EmptyState>
    </View>
  );
}

const styles = StyleSheet.create({
  screen: { flex: 1 },
});
