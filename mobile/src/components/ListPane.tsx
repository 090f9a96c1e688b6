import { StyleSheet, View } from 'react-native';
import { useColors } from '../theme';
import { GamesList } from './GamesList';

/** The list of games that stands beside the game on wide screens. */
export function ListPane({ selectedId }: { selectedId?: string }) {
  const colors = useColors();
  return (
    <View role="navigation" aria-label="Games" style={[styles.pane, { borderColor: colors.rule }]}>
      <GamesList selectedId={selectedId} />
    </View>
  );
}

const styles = StyleSheet.create({
  pane: { width: 320, borderRightWidth: 1 },
});
