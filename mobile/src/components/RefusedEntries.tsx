import type { SyncStatus } from '@tidemark/client';
import { useState } from 'react';
import { StyleSheet, View } from 'react-native';
import type { RejectionReason } from '../../../src/protocol/sync';
import { dropEntry, findLongTexts, shortenText, type LongText } from '../games/mending';
import { useLive } from '../games/use-live';
import { radius, space, useColors } from '../theme';
import { AppText, Heading } from './AppText';
import { Button } from './Button';
import { Field } from './Field';
import { useTidemark } from './tidemark-context';
import { useSnackbar } from './Snackbar';
import { count, messageOf } from './words';

type Refusal = SyncStatus['refused'][number];

const KINDS: Record<string, string> = {
  games: 'A game',
  game_players: 'A player',
  rounds: 'A round',
  scores: 'A score',
};

const REASONS: Record<RejectionReason, string> = {
  DELETED: 'was deleted on another device.',
  PARENT_DELETED: 'belongs to a game that was deleted on another device.',
  TEXT_TOO_LONG: 'has a text that is too long for the server. Make it shorter.',
  ID_INVALID: 'has an id that the server cannot take.',
  TABLE_UNKNOWN: 'is of a kind that the server does not know. Updating the server helps.',
};

/** The rows that the server refused for good, each with the reason and a way to correct it. */
export function RefusedEntries({ refused }: { refused: readonly Refusal[] }) {
  return (
    <View style={styles.list}>
      <Heading level={3}>Not taken by the server</Heading>
      {refused.map((refusal, index) => (
        <RefusedEntry key={`${refusal.table}/${refusal.id}`} refusal={refusal} index={index} />
      ))}
    </View>
  );
}

function RefusedEntry({ refusal, index }: { refusal: Refusal; index: number }) {
  const colors = useColors();
  const { database } = useTidemark();
  const attempt = useAttempt();
  const { table, id, reason } = refusal;
  const texts = useLive(database, [table], `${table}/${id}`, () => findLongTexts(database, table, id));
  return (
    <View
      style={[styles.entry, { backgroundColor: colors.sheet, borderColor: colors.light.amber }]}
      testID={`refused-${index + 1}`}
    >
      <AppText>
        {KINDS[table] ?? 'An entry'} {REASONS[reason]}
      </AppText>
      {reason === 'TEXT_TOO_LONG'
        ? texts?.map((text) => <Shorten key={text.column} refusal={refusal} long={text} />)
        : (reason === 'ID_INVALID' || reason === 'TABLE_UNKNOWN') && (
            <Button
              label="Remove it from this device"
              look="danger"
              testID="drop-refused"
              onPress={() => attempt(() => dropEntry(database, table, id))}
            />
          )}
    </View>
  );
}

function Shorten({ refusal, long }: { refusal: Refusal; long: LongText }) {
  const { database } = useTidemark();
  const attempt = useAttempt();
  const [text, setText] = useState(long.text);
  const excess = text.length - long.maxLength;
  return (
    <View style={styles.list}>
      <Field
        label="Shorter text"
        value={text}
        onChangeText={setText}
        multiline
        testID="shorten-text"
        error={excess > 0 ? `${count(excess, 'character')} too many` : undefined}
      />
      <Button
        label="Save the shorter text"
        look="primary"
        testID="save-shortened"
        isDisabled={excess > 0 || text === long.text || text.trim() === ''}
        onPress={() =>
          attempt(() => shortenText(database, refusal.table, refusal.id, long.column, text.trim()))
        }
      />
    </View>
  );
}

/** Runs an action, and shows a message if it fails. */
function useAttempt(): (work: () => Promise<void>) => void {
  const showSnack = useSnackbar();
  return (work) => void work().catch((failure: unknown) => showSnack({ message: messageOf(failure) }));
}

const styles = StyleSheet.create({
  list: { gap: space.s },
  entry: { borderLeftWidth: 4, borderRadius: radius.s, padding: space.m, gap: space.m },
});
