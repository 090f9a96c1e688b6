import { useNavigation } from '@react-navigation/native';
import { FlatList, StyleSheet, View } from 'react-native';
import { useGames } from '../games/use-live';
import type { Navigation } from '../navigation/routes';
import { space } from '../theme';
import { Button } from './Button';
import { EmptyState } from './EmptyState';
import { GameRow } from './GameRow';
import { useTidemark } from './tidemark-context';

/** Every game, the newest first, with the button that begins a new one. */
export function GamesList({
  selectedId,
  columns = 1,
}: {
  /** The game shown beside the list; absent: none. */
  selectedId?: string;
  columns?: 1 | 2;
}) {
  const navigation = useNavigation<Navigation>();
  const { database } = useTidemark();
  const games = useGames(database);
  const newGame = (
    <Button
      label="New game"
      icon="plus"
      look="primary"
      testID="new-game"
      onPress={() => navigation.navigate('NewGame')}
    />
  );
  if (!games) return null;
  if (games.length === 0) {
    return (
      <EmptyState icon="tide" title="No games yet" action={newGame}>
        Begin a game, add who plays, and enter each round. It works without a connection.
      </EmptyState>
    );
  }
  const open = (gameId: string) =>
    selectedId === undefined ? navigation.navigate('Game', { gameId }) : navigation.setParams({ gameId });
  return (
    <FlatList
      key={columns}
      data={games}
      numColumns={columns}
      keyExtractor={(game) => game.id}
      contentContainerStyle={styles.list}
      columnWrapperStyle={columns > 1 ? styles.columns : undefined}
      ListHeaderComponent={<View style={styles.head}>{newGame}</View>}
      renderItem={({ item }) => (
        <View style={columns > 1 ? styles.half : undefined}>
          <GameRow game={item} isSelected={item.id === selectedId} onPress={() => open(item.id)} />
        </View>
      )}
    />
  );
}

const styles = StyleSheet.create({
  list: { padding: space.l, gap: space.s },
  columns: { justifyContent: 'space-between' },
  half: { width: '49.4%' },
  head: { paddingBottom: space.s, maxWidth: 400 },
});
