import { StyleSheet, useWindowDimensions, View } from 'react-native';
import { progressTowards, type Scoresheet, type Standing } from '../games/scoring';
import { radius, space, THREE_COLUMNS, TWO_COLUMNS, useColors } from '../theme';
import { AppText, Heading } from './AppText';
import { Icon } from './Icon';
import { change, points } from './words';

/** With more players than this the rows are smaller. */
const FEW_PLAYERS = 4;

/** Everyone's total, readable across a table. The colored bar behind a name grows towards the target. */
export function Scoreboard({ sheet, target }: { sheet: Scoresheet; target: number }) {
  const colors = useColors();
  const { width } = useWindowDimensions();
  const isFew = sheet.players.length <= FEW_PLAYERS;
  const size: Size =
    width < TWO_COLUMNS
      ? isFew
        ? 'normal'
        : 'tight'
      : !isFew
        ? 'normal'
        : width < THREE_COLUMNS
          ? 'roomy'
          : 'vast';
  return (
    <View style={styles.board} testID="scoreboard">
      {sheet.winner && <Winner name={sheet.winner.name} total={totalOf(sheet, sheet.winner.id)} />}
      <AppText kind="small" color={colors.inkSoft}>
        First to {target}
      </AppText>
      <View role="list" aria-label="Scoreboard" style={styles.rows}>
        {sheet.standings.map((standing) => (
          <Line
            key={standing.player.id}
            standing={standing}
            target={target}
            size={size}
            title={titleOf(standing, sheet)}
          />
        ))}
      </View>
    </View>
  );
}

type Size = 'tight' | 'normal' | 'roomy' | 'vast';

function Line({
  standing,
  target,
  size,
  title,
}: {
  standing: Standing;
  target: number;
  size: Size;
  /** Null: neither the winner nor a leader. */
  title: 'Won' | 'Leads' | null;
}) {
  const colors = useColors();
  const { player, seat, total, rank, lastChange } = standing;
  const share = progressTowards(target, total);
  return (
    <View
      role="listitem"
      style={[
        styles.line,
        {
          minHeight: heights[size],
          maxHeight: heights[size] * 1.6,
          backgroundColor: colors.sheet,
          borderColor: title !== null ? colors.accent : colors.rule,
        },
      ]}
    >
      <View
        style={[
          styles.tide,
          { width: `${share * 100}%`, backgroundColor: colors.tide, borderColor: colors.accent },
        ]}
      />
      <AppText kind="small" color={colors.inkSoft} style={styles.rank}>
        {rank}
      </AppText>
      <View style={styles.who}>
        <AppText kind={size === 'tight' ? 'heading' : 'title'} numberOfLines={1}>
          {player.name}
        </AppText>
        {(title !== null || lastChange !== null) && (
          <View style={styles.note}>
            {title !== null && (
              <>
                <Icon name="crown" color={colors.accent} size={16} />
                <AppText kind="smallStrong" color={colors.accent}>
                  {title}
                </AppText>
              </>
            )}
            {lastChange !== null && (
              <AppText kind="small" color={colors.inkSoft} numberOfLines={1}>
                {change(lastChange)} last round
              </AppText>
            )}
          </View>
        )}
      </View>
      <AppText
        kind={size === 'tight' ? 'number' : 'figure'}
        testID={`total-${seat}`}
        style={size === 'vast' ? styles.vast : size === 'roomy' && styles.roomy}
      >
        {points(total)}
      </AppText>
    </View>
  );
}

function Winner({ name, total }: { name: string; total: number }) {
  const colors = useColors();
  return (
    <View testID="winner" aria-live="polite" style={[styles.winner, { backgroundColor: colors.accent }]}>
      <Icon name="crown" color={colors.onAccent} size={32} />
      <Heading level={2} color={colors.onAccent} style={styles.winnerName}>
        {name} wins with {points(total)}
      </Heading>
    </View>
  );
}

function titleOf({ player, isLeader }: Standing, { winner }: Scoresheet): 'Won' | 'Leads' | null {
  if (winner) return winner.id === player.id ? 'Won' : null;
  return isLeader ? 'Leads' : null;
}

function totalOf(sheet: Scoresheet, playerId: string): number {
  return sheet.standings.find((standing) => standing.player.id === playerId)?.total ?? 0;
}

const heights: Record<Size, number> = { tight: 56, normal: 80, roomy: 104, vast: 128 };

const styles = StyleSheet.create({
  board: { gap: space.s, flexGrow: 1 },
  rows: { gap: space.s, flexGrow: 1 },
  line: {
    flexGrow: 1,
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.m,
    paddingHorizontal: space.l,
    borderRadius: radius.m,
    borderWidth: 1,
    overflow: 'hidden',
  },
  tide: { position: 'absolute', left: 0, top: 0, bottom: 0, borderBottomWidth: 4 },
  rank: { minWidth: 16 },
  who: { flex: 1, minWidth: 0 },
  note: { flexDirection: 'row', alignItems: 'center', gap: space.xs, overflow: 'hidden' },
  roomy: { fontSize: 72, lineHeight: 80 },
  vast: { fontSize: 96, lineHeight: 104 },
  winner: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.m,
    padding: space.l,
    borderRadius: radius.m,
  },
  winnerName: { flex: 1 },
});
