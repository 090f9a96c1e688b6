import { Pressable, ScrollView, StyleSheet, View } from 'react-native';
import type { Entry, ScoredRound, Scoresheet } from '../games/scoring';
import { radius, space, TOUCH, useColors } from '../theme';
import { AppText } from './AppText';
import { Icon } from './Icon';
import { change, points } from './words';

const NUMBER_WIDTH = 32;
const NARROWEST = 40;
/** With more players than this there is no room for the bonus beside the points. */
const SHOWS_BONUS_UP_TO = 4;

/** The score pad: one column per player, one line per round, the latest on top. A touch on a line edits the round. */
export function RoundsTable({
  sheet,
  onEdit,
}: {
  sheet: Scoresheet;
  /** Absent: the pad is read-only. */
  onEdit?: (roundNumber: number) => void;
}) {
  const colors = useColors();
  const { players } = sheet;
  return (
    <View style={[styles.pad, { backgroundColor: colors.sheet, borderColor: colors.rule }]}>
      <ScrollView
        horizontal
        contentContainerStyle={[styles.page, { minWidth: NUMBER_WIDTH + NARROWEST * players.length }]}
        tabIndex={onEdit ? undefined : 0} // a read-only pad has no buttons: the keyboard scrolls it only if focusable
      >
        <View role="table" aria-label="Rounds" style={styles.fill}>
          <View role="row" style={[styles.line, styles.head, { borderColor: colors.edge }]}>
            <View role="columnheader" style={styles.number}>
              <AppText kind="tiny" color={colors.inkSoft} aria-label="Round" style={styles.centered}>
                #
              </AppText>
            </View>
            {players.map((player) => (
              <View key={player.id} role="columnheader" style={styles.cell}>
                <AppText kind="smallStrong" numberOfLines={1} style={styles.centered}>
                  {player.name}
                </AppText>
              </View>
            ))}
          </View>
          {[...sheet.rounds].reverse().map((round) => (
            <RoundLine key={round.id} round={round} sheet={sheet} onEdit={onEdit} />
          ))}
        </View>
      </ScrollView>
    </View>
  );
}

function RoundLine({
  round,
  sheet,
  onEdit,
}: {
  round: ScoredRound;
  sheet: Scoresheet;
  onEdit?: (roundNumber: number) => void;
}) {
  const colors = useColors();
  const best = Math.max(...[...round.entries.values()].map((entry) => entry.final));
  const number = (
    <AppText kind="small" color={colors.inkSoft} style={styles.centered}>
      {round.number}
    </AppText>
  );
  const line = [styles.line, { borderColor: colors.rule }];
  const cells = (
    <>
      <View role="rowheader" style={styles.number}>
        {onEdit ? (
          <Pressable
            role="button"
            testID={`round-row-${round.number}`}
            aria-label={`Edit round ${round.number}`}
            onPress={() => onEdit(round.number)}
            style={styles.edit}
          >
            {number}
          </Pressable>
        ) : (
          number
        )}
      </View>
      {sheet.players.map((player) => (
        <ScoreCell
          key={player.id}
          entry={round.entries.get(player.id)}
          isBest={round.entries.get(player.id)?.final === best}
          isCaller={round.callerId === player.id}
          showsBonus={sheet.players.length <= SHOWS_BONUS_UP_TO}
        />
      ))}
    </>
  );
  if (!onEdit) {
    return (
      <View role="row" style={line}>
        {cells}
      </View>
    );
  }
  // A touch anywhere on the line works; keyboards and screen readers use the button at its start.
  return (
    <Pressable
      role="row"
      accessible={false}
      tabIndex={-1}
      onPress={() => onEdit(round.number)}
      style={({ pressed }) => [...line, pressed && { backgroundColor: colors.tide }]}
    >
      {cells}
    </Pressable>
  );
}

function ScoreCell({
  entry,
  isBest,
  isCaller,
  showsBonus,
}: {
  /** Absent: the player has no score in the round. */
  entry: Entry | undefined;
  /** Whether nobody scored more in the round. */
  isBest: boolean;
  isCaller: boolean;
  showsBonus: boolean;
}) {
  const colors = useColors();
  return (
    <View role="cell" style={[styles.cell, styles.score]}>
      <View>
        {isCaller && (
          <View role="img" aria-label="called" style={styles.flag}>
            <Icon name="flag" color={colors.accent} size={12} />
          </View>
        )}
        <AppText kind={isBest ? 'strong' : 'body'} color={entry ? colors.ink : colors.inkSoft}>
          {entry ? points(entry.final) : '·'}
        </AppText>
      </View>
      {entry !== undefined && entry.bonus !== 0 && showsBonus && (
        <AppText kind="tiny" color={colors.inkSoft}>
          {change(entry.bonus)}
        </AppText>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  pad: { borderWidth: 1, borderRadius: radius.m, overflow: 'hidden' },
  line: { flexDirection: 'row', alignItems: 'center', minHeight: TOUCH, borderTopWidth: 1 },
  head: { borderTopWidth: 0, borderBottomWidth: 1 },
  number: { width: NUMBER_WIDTH },
  edit: { minHeight: TOUCH, justifyContent: 'center' },
  centered: { textAlign: 'center' },
  page: { width: '100%' },
  fill: { flex: 1 },
  cell: { flex: 1, minWidth: NARROWEST, paddingHorizontal: 2 },
  flag: { position: 'absolute', top: 0, left: -13 },
  score: { flexDirection: 'row', alignItems: 'center', justifyContent: 'center', gap: space.xs },
});
