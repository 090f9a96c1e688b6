import { Pressable, StyleSheet, View } from 'react-native';
import type { GameRow as Row } from '../games/records';
import { scoresheet, titleOf, type Scoresheet } from '../games/scoring';
import { useGame } from '../games/use-live';
import { radius, space, TOUCH, useColors } from '../theme';
import { AppText } from './AppText';
import { Icon } from './Icon';
import { useTidemark } from './tidemark-context';
import { count, day, points } from './words';

/** One game in the list: its name, its standing, and when it began. */
export function GameRow({
  game,
  isSelected,
  onPress,
}: {
  game: Row;
  /** Whether it is the game shown beside the list. */
  isSelected: boolean;
  onPress: () => void;
}) {
  const colors = useColors();
  const { database } = useTidemark();
  const records = useGame(database, game.id);
  const sheet = records ? scoresheet(records) : undefined;
  return (
    <Pressable
      role="button"
      testID={`game-row-${game.id}`}
      aria-current={isSelected ? 'page' : undefined}
      onPress={onPress}
      style={({ pressed }) => [
        styles.row,
        {
          backgroundColor: isSelected ? colors.tide : colors.sheet,
          borderColor: isSelected ? colors.accent : colors.rule,
        },
        pressed && { backgroundColor: colors.tide },
      ]}
    >
      <View style={styles.words}>
        <AppText kind="strong" numberOfLines={1}>
          {titleOf(game, sheet?.players ?? [])}
        </AppText>
        <AppText kind="small" color={colors.inkSoft} numberOfLines={1}>
          {sheet ? summaryOf(sheet) : ' '}
        </AppText>
        <AppText kind="tiny" color={colors.inkSoft}>
          {day(game.started_at)} · {sheet && `${count(sheet.rounds.length, 'round')} · `}to{' '}
          {game.target_score}
        </AppText>
      </View>
      {sheet?.winner && <Icon name="crown" color={colors.accent} />}
      <Icon name="next" color={colors.inkSoft} size={20} />
    </Pressable>
  );
}

function summaryOf({ winner, standings, players }: Scoresheet): string {
  if (winner) {
    const total = standings.find((standing) => standing.player.id === winner.id)?.total ?? 0;
    return `${winner.name} won with ${points(total)}`;
  }
  const leaders = standings.filter((standing) => standing.isLeader);
  if (leaders.length === 1) return `${leaders[0]!.player.name} leads with ${points(leaders[0]!.total)}`;
  if (leaders.length > 1) return `${leaders.length} players lead with ${points(leaders[0]!.total)}`;
  return players.map((player) => player.name).join(', ');
}

const styles = StyleSheet.create({
  row: {
    minHeight: TOUCH * 1.5,
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.m,
    paddingHorizontal: space.l,
    paddingVertical: space.m,
    borderRadius: radius.m,
    borderWidth: 1,
  },
  words: { flex: 1, minWidth: 0, gap: 2 },
});
