import { useNavigation, useRoute, type RouteProp } from '@react-navigation/native';
import { useEffect, useState } from 'react';
import { ScrollView, StyleSheet, useWindowDimensions, View } from 'react-native';
import { useSafeAreaInsets } from 'react-native-safe-area-context';
import { AppText } from '../components/AppText';
import { Button, IconButton } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { EntryCells, textOf } from '../components/EntryCells';
import { useKeyboard } from '../components/keyboard';
import { Keypad } from '../components/Keypad';
import { Screen } from '../components/Screen';
import { useTidemark } from '../components/tidemark-context';
import { useSnackbar } from '../components/Snackbar';
import { messageOf, points } from '../components/words';
import { addRound, deleteRound, editRound } from '../games/actions';
import {
  beginRound,
  hasEntries,
  isLastStep,
  pressKey,
  toRoundInput,
  type RoundEntry,
  type RoundKey,
} from '../games/round-entry';
import { scoresheet, type ScoredRound, type Scoresheet } from '../games/scoring';
import { restore } from '../games/trash';
import { useGame } from '../games/use-live';
import type { Navigation, Routes } from '../navigation/routes';
import { space, TWO_COLUMNS, useColors } from '../theme';

/** On screens lower than this the keys have their smallest height. */
const LOW = 600;

const KEYBOARD: Record<string, RoundKey> = {
  '-': { key: 'minus' },
  Backspace: { key: 'back' },
  ArrowDown: { key: 'next' },
  ArrowRight: { key: 'next' },
  ArrowUp: { key: 'previous' },
  ArrowLeft: { key: 'previous' },
  '+': { key: 'bonus' },
  b: { key: 'bonus' },
  u: { key: 'undo' },
};

/** Enters or changes a round, player by player on one keypad. */
export function RoundScreen() {
  const navigation = useNavigation<Navigation>();
  const { gameId, round: number } = useRoute<RouteProp<Routes, 'Round'>>().params;
  const records = useGame(useTidemark().database, gameId);
  const sheet = records ? scoresheet(records) : undefined;
  const round = sheet?.rounds.find((candidate) => candidate.number === number);
  const isMissing = records === null || (sheet !== undefined && number !== 'new' && !round);
  if (isMissing) {
    return (
      <Screen title="Round" onBack={() => navigation.popTo('Games')}>
        <EmptyState
          icon="tide"
          title="This round is not here"
          action={<Button label="All games" onPress={() => navigation.popTo('Games')} />}
        >
          It was deleted, or it has not reached this device yet.
        </EmptyState>
      </Screen>
    );
  }
  return sheet ? <RoundForm key={`${gameId}/${number}`} gameId={gameId} sheet={sheet} round={round} /> : null;
}

function RoundForm({
  gameId,
  sheet,
  round: roundNow,
}: {
  gameId: string;
  sheet: Scoresheet;
  /** Absent: a new round. */
  round?: ScoredRound;
}) {
  const colors = useColors();
  const navigation = useNavigation<Navigation>();
  const insets = useSafeAreaInsets();
  const { width, height } = useWindowDimensions();
  const isWide = width >= TWO_COLUMNS;
  const isLow = height < LOW;
  const { database } = useTidemark();
  const showSnack = useSnackbar();
  // Keep the round and the players as they were when the screen opened: a sync may change them meanwhile.
  const [round] = useState(roundNow);
  const [players] = useState(sheet.players);
  const [number] = useState(round?.number ?? sheet.rounds.length + 1);
  const [entry, setEntry] = useState<RoundEntry>(() => beginRound(players, round));
  const [isSaving, setSaving] = useState(false);
  const title = `Round ${number}`;
  const goBack = () => navigation.popTo('Game', { gameId });
  const press = (key: RoundKey) => setEntry((state) => pressKey(state, key));

  useEffect(() => navigation.setOptions({ title }), [navigation, title]);
  useEffect(() => showSnack(null), [showSnack]); // a message would cover the keys

  const run = async (work: () => Promise<void>) => {
    if (isSaving) return;
    setSaving(true);
    try {
      await work();
      goBack();
    } catch (failure) {
      setSaving(false);
      showSnack({ message: messageOf(failure) });
    }
  };
  const undoWith = (undo: () => Promise<unknown>) => ({
    label: 'Undo',
    testID: 'undo-round',
    onPress: () => void undo().catch((failure: unknown) => showSnack({ message: messageOf(failure) })),
  });
  const save = () =>
    run(async () => {
      const input = toRoundInput(entry);
      if (round) {
        const before = await editRound(database, gameId, round.id, input);
        const undo = () => editRound(database, gameId, round.id, before);
        showSnack({ message: `${title} changed`, action: undoWith(undo) });
      } else {
        const id = await addRound(database, gameId, input);
        showSnack({ message: `${title} saved`, action: undoWith(() => deleteRound(database, gameId, id)) });
      }
    });
  const remove = () =>
    run(async () => {
      const key = await deleteRound(database, gameId, round!.id);
      showSnack({ message: `${title} deleted`, action: undoWith(() => restore(database, key)) });
    });
  const isLast = isLastStep(entry);
  const next = () => (isLast ? void save() : press({ key: 'next' }));

  useKeyboard((key) => {
    if (/^[0-9]$/.test(key)) press({ key: 'digit', digit: key });
    else if (key === 'Enter') next();
    else if (key === 'Escape') goBack();
    else if (KEYBOARD[key]) press(KEYBOARD[key]);
    else return false;
    return true;
  });

  const current = entry.cells[entry.seat];
  const player = players.find(({ id }) => id === current?.playerId);
  const standing = sheet.standings.find((candidate) => candidate.player.id === player?.id);
  const head = current && (
    <View style={styles.head} aria-live="polite">
      <View style={styles.who}>
        <AppText kind="title" numberOfLines={1} testID="current-player">
          {player?.name}
        </AppText>
        <AppText kind="small" color={colors.inkSoft}>
          {entry.field === 'bonus' ? 'Bonus' : `${points(standing?.total ?? 0)} so far`}
        </AppText>
      </View>
      <AppText
        kind="figure"
        color={current.raw === null ? colors.inkSoft : colors.ink}
        numberOfLines={1}
        adjustsFontSizeToFit
        testID="current-value"
      >
        {textOf(current)}
      </AppText>
    </View>
  );
  const cells = (
    <EntryCells
      entry={entry}
      players={players}
      onSeat={(seat) => press({ key: 'seat', seat })}
      onCaller={(seat) => press({ key: 'caller', seat })}
    />
  );
  const keypad = (
    <Keypad
      isLow={isLow}
      onKey={press}
      isBonus={entry.field === 'bonus'}
      canUndo={entry.past.length > 0}
      nextLabel={isLast ? 'Save' : 'Next'}
      onNext={next}
    />
  );

  return (
    <Screen
      title={title}
      onBack={goBack}
      actions={
        <>
          {round && (
            <IconButton
              label="Delete this round"
              icon="trash"
              testID="delete-round"
              onPress={() => void remove()}
            />
          )}
          <IconButton
            label="Save the round"
            icon="check"
            testID="save-round"
            color={colors.accent}
            isDisabled={!hasEntries(entry) || isSaving}
            onPress={() => void save()}
          />
        </>
      }
    >
      <View style={isWide ? styles.beside : styles.stacked}>
        <ScrollView style={styles.grow} contentContainerStyle={styles.content}>
          {isWide && !isLow ? null : head}
          {cells}
        </ScrollView>
        <View
          style={[
            isWide ? styles.right : styles.bottom,
            { borderColor: colors.rule, paddingBottom: insets.bottom + space.m },
          ]}
        >
          {isWide && !isLow ? head : null}
          {keypad}
        </View>
      </View>
    </Screen>
  );
}

const styles = StyleSheet.create({
  stacked: { flex: 1 },
  beside: { flex: 1, flexDirection: 'row', maxWidth: 1000, width: '100%', alignSelf: 'center' },
  grow: { flex: 1 },
  content: { padding: space.l, gap: space.m },
  head: { flexDirection: 'row', alignItems: 'center', gap: space.m },
  who: { flex: 1, minWidth: 0 },
  bottom: { paddingHorizontal: space.m, paddingTop: space.m, borderTopWidth: 1 },
  right: { width: 400, padding: space.l, gap: space.l },
});
