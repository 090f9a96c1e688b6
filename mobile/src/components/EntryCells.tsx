import { Pressable, StyleSheet, View } from 'react-native';
import type { PlayerRow } from '../games/records';
import { numberOf, type Cell, type RoundEntry } from '../games/round-entry';
import { radius, space, TOUCH, useColors } from '../theme';
import { AppText } from './AppText';
import { Icon } from './Icon';
import { change, points } from './words';

/** Everyone's numbers of the round in running order. A touch selects a player; the flag marks who called the round. */
export function EntryCells({
  entry,
  players,
  onSeat,
  onCaller,
}: {
  entry: RoundEntry;
  players: readonly PlayerRow[];
  onSeat: (seat: number) => void;
  onCaller: (seat: number) => void;
}) {
  const colors = useColors();
  return (
    <View style={styles.cells}>
      {entry.cells.map((cell, seat) => {
        const player = players.find(({ id }) => id === cell.playerId);
        const isCurrent = seat === entry.seat;
        const isCaller = entry.callerId === cell.playerId;
        const name = player?.name ?? '';
        return (
          <View
            key={cell.playerId}
            style={[
              styles.cell,
              players.length > 4 && styles.half,
              {
                backgroundColor: isCurrent ? colors.tide : colors.sheet,
                borderColor: isCurrent ? colors.accent : colors.rule,
              },
            ]}
          >
            <Pressable
              role="button"
              testID={`seat-${seat}`}
              aria-label={`${name}, ${textOf(cell)}`}
              aria-current={isCurrent ? 'step' : undefined}
              onPress={() => onSeat(seat)}
              style={styles.player}
            >
              <AppText kind="strong" numberOfLines={1} style={styles.name}>
                {name}
              </AppText>
              <AppText kind="strong" color={cell.raw === null ? colors.inkSoft : colors.ink}>
                {textOf(cell)}
              </AppText>
            </Pressable>
            <Pressable
              role="switch"
              aria-checked={isCaller}
              aria-label={`${name} called the round`}
              testID={`caller-${seat}`}
              onPress={() => onCaller(seat)}
              style={[styles.flag, isCaller && { backgroundColor: colors.accent }]}
            >
              <Icon name="flag" size={20} color={isCaller ? colors.onAccent : colors.inkSoft} />
            </Pressable>
          </View>
        );
      })}
    </View>
  );
}

/** "12", "12 +5", or "–" while nothing is entered. */
export function textOf({ raw, bonus }: Cell): string {
  if (raw === null && bonus === null) return '–';
  const main = raw === '-' ? '−' : points(numberOf(raw));
  return bonus === null ? main : `${main} ${bonus === '-' ? '−' : change(numberOf(bonus))}`;
}

const styles = StyleSheet.create({
  cells: { flexDirection: 'row', flexWrap: 'wrap', gap: space.s },
  cell: {
    flexDirection: 'row',
    alignItems: 'stretch',
    minHeight: TOUCH,
    borderRadius: radius.m,
    borderWidth: 1,
    width: '100%',
  },
  half: { width: '48%', flexGrow: 1 },
  player: {
    flex: 1,
    minWidth: 0,
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.s,
    paddingHorizontal: space.m,
  },
  name: { flex: 1, minWidth: 0 },
  flag: { width: TOUCH, borderRadius: radius.m - 1, alignItems: 'center', justifyContent: 'center' },
});
