import { useRef, useState } from 'react';
import { Platform, ScrollView, StyleSheet, View, type TextInput } from 'react-native';
import { MAX_NAME_LENGTH, type GameInput } from '../games/actions';
import { radius, space, useColors } from '../theme';
import { AppText, Heading } from './AppText';
import { Button, IconButton } from './Button';
import { Field } from './Field';
import { messageOf } from './words';

const MAX_PLAYERS = 12;
const MAX_TARGET = 999_999;

type Player = GameInput['players'][number];

/** The form for a game's name, its target and its players in running order. */
export function GameForm({
  initial,
  submitLabel,
  onSubmit,
}: {
  initial: GameInput;
  submitLabel: string;
  onSubmit: (input: GameInput) => Promise<void>;
}) {
  const colors = useColors();
  const [name, setName] = useState(initial.name);
  const [target, setTarget] = useState(String(initial.targetScore));
  const [players, setPlayers] = useState<Player[]>(initial.players);
  const [error, setError] = useState<string>();
  const isSubmitting = useRef(false);
  const fields = useRef<(TextInput | null)[]>([]);

  const rename = (seat: number, to: string) =>
    setPlayers(players.map((player, index) => (index === seat ? { ...player, name: to } : player)));
  const remove = (seat: number) => setPlayers(players.filter((_, index) => index !== seat));
  const moveUp = (seat: number) => {
    const moved = [...players];
    moved.splice(seat - 1, 2, players[seat]!, players[seat - 1]!);
    setPlayers(moved);
  };
  const add = () => {
    if (players.length >= MAX_PLAYERS) return;
    setPlayers([...players, { id: null, name: '' }]);
    requestAnimationFrame(() => fields.current[players.length]?.focus());
  };
  const goOn = (seat: number) => {
    if (seat + 1 < players.length) fields.current[seat + 1]?.focus();
    else if (players[seat]?.name.trim()) add();
  };

  const submit = async () => {
    const named = players.filter((player) => player.id !== null || player.name.trim() !== '');
    const targetScore = Number(target);
    if (named.length < 2) return setError('Add at least two players.');
    if (named.some((player) => player.name.trim() === '')) return setError('Every player needs a name.');
    if (!Number.isInteger(targetScore) || targetScore < 1 || targetScore > MAX_TARGET) {
      return setError('The target is a whole number from 1 up.');
    }
    if (isSubmitting.current) return; // a second touch while the first submits
    isSubmitting.current = true;
    setError(undefined);
    try {
      await onSubmit({ name, targetScore, players: named });
    } catch (failure) {
      isSubmitting.current = false;
      setError(messageOf(failure));
    }
  };

  return (
    <ScrollView
      contentContainerStyle={styles.form}
      keyboardShouldPersistTaps="handled"
      automaticallyAdjustKeyboardInsets
    >
      <View style={styles.top}>
        <View style={styles.name}>
          <Field
            label="Name (optional)"
            testID="game-name"
            value={name}
            onChangeText={setName}
            maxLength={MAX_NAME_LENGTH}
            placeholder="Friday night"
          />
        </View>
        <View style={styles.target}>
          <Field
            label="Play to"
            testID="target-score"
            value={target}
            onChangeText={setTarget}
            inputMode="numeric"
            maxLength={6}
            selectTextOnFocus
          />
        </View>
      </View>
      <View style={styles.players}>
        <Heading level={2}>Who plays?</Heading>
        <AppText kind="small" color={colors.inkSoft}>
          In running order, as you sit around the table.
        </AppText>
        {players.map((player, seat) => (
          <View key={seat} style={styles.player}>
            <View style={[styles.seat, { backgroundColor: colors.tide }]}>
              <AppText kind="smallStrong">{seat + 1}</AppText>
            </View>
            <Field
              label={`Player ${seat + 1}`}
              hidesLabel
              testID={`player-name-${seat}`}
              value={player.name}
              onChangeText={(text) => rename(seat, text)}
              maxLength={MAX_NAME_LENGTH}
              placeholder={`Player ${seat + 1}`}
              autoCapitalize="words"
              autoComplete="off"
              returnKeyType="next"
              submitBehavior="submit"
              autoFocus={Platform.OS === 'web' && seat === 0 && player.name === ''}
              onSubmitEditing={() => goOn(seat)}
              ref={(field) => {
                fields.current[seat] = field;
              }}
            />
            <IconButton
              label={`Move ${player.name || `player ${seat + 1}`} up`}
              icon="up"
              isDisabled={seat === 0}
              onPress={() => moveUp(seat)}
            />
            {player.id === null && (
              <IconButton
                label={`Remove ${player.name || `player ${seat + 1}`}`}
                icon="close"
                isDisabled={players.length <= 2}
                onPress={() => remove(seat)}
              />
            )}
          </View>
        ))}
        <Button
          label="Add player"
          icon="plus"
          testID="add-player"
          isDisabled={players.length >= MAX_PLAYERS}
          onPress={add}
        />
      </View>
      {error !== undefined && (
        <AppText color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
      <Button label={submitLabel} look="primary" testID="start-game" onPress={() => void submit()} />
    </ScrollView>
  );
}

const styles = StyleSheet.create({
  form: { padding: space.l, gap: space.xl, width: '100%', maxWidth: 640, alignSelf: 'center' },
  top: { flexDirection: 'row', gap: space.m, flexWrap: 'wrap' },
  name: { flexGrow: 3, flexBasis: 200 },
  target: { flexGrow: 1, flexBasis: 96 },
  players: { gap: space.s },
  player: { flexDirection: 'row', alignItems: 'center', gap: space.xs },
  seat: {
    width: space.xxl,
    height: space.xxl,
    marginRight: space.xs,
    borderRadius: radius.round,
    alignItems: 'center',
    justifyContent: 'center',
  },
});
