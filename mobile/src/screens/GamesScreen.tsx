import { useNavigation } from '@react-navigation/native';
import { StyleSheet, useWindowDimensions, View } from 'react-native';
import { IconButton } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { GamesList } from '../components/GamesList';
import { ListPane } from '../components/ListPane';
import { Screen } from '../components/Screen';
import { useTidemark } from '../components/tidemark-context';
import { useGames } from '../games/use-live';
import type { Navigation } from '../navigation/routes';
import { THREE_COLUMNS, TWO_COLUMNS } from '../theme';

/** The first screen: the list of all games. */
export function GamesScreen() {
  const { width } = useWindowDimensions();
  const games = useGames(useTidemark().database);
  return (
    <Screen title="Tidemark" actions={<SettingsButton />}>
      {width >= THREE_COLUMNS && games?.length !== 0 ? (
        <View style={styles.columns}>
          <ListPane />
          <EmptyState icon="crown" title="Which game?">
            Choose a game on the left to see its scoreboard, or begin a new one.
          </EmptyState>
        </View>
      ) : (
        <GamesList columns={width >= TWO_COLUMNS ? 2 : 1} />
      )}
    </Screen>
  );
}

/** The button in the header that opens the settings. */
function SettingsButton() {
  const navigation = useNavigation<Navigation>();
  return (
    <IconButton
      label="Settings"
      icon="settings"
      testID="open-settings"
      onPress={() => navigation.navigate('Settings')}
    />
  );
}

const styles = StyleSheet.create({
  columns: { flex: 1, flexDirection: 'row' },
});
