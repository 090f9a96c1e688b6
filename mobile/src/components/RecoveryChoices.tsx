import { useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { leaveAccount } from '../games/leave-account';
import { space, useColors } from '../theme';
import { AppText, Heading } from './AppText';
import { Button } from './Button';
import { useSession } from './session-context';
import { useSnackbar } from './Snackbar';
import { count, messageOf } from './words';

type Way = 'take-server' | 'upload-everything' | 'start-fresh' | 'join';

/** What a person can decide after which errors; the others pass by themselves. */
const WAYS_OUT: Record<string, Way[]> = {
  HISTORY_CHANGED: ['take-server', 'upload-everything', 'start-fresh'],
  TOKEN_INVALID: ['take-server', 'upload-everything', 'start-fresh'],
  DEVICE_REVOKED: ['join', 'upload-everything', 'start-fresh'],
};

/** The ways out when this device and the server do not fit together any more. */
export function RecoveryChoices({
  code,
  pending,
  onJoin,
}: {
  code: string;
  /** Local changes that would be lost by starting fresh. */
  pending: number;
  /** Goes to where a code of another device is entered. */
  onJoin: () => void;
}) {
  const colors = useColors();
  const { database, sync } = useSession();
  const showSnack = useSnackbar();
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<string>();
  const [timesAsked, setTimesAsked] = useState(0);
  const ways = WAYS_OUT[code] ?? [];
  if (ways.length === 0) return null;

  const recover = async (way: Exclude<Way, 'join'>) => {
    setWorking(true);
    setError(undefined);
    setTimesAsked(0);
    try {
      const { dropped } = await sync.recover(way);
      if (way === 'start-fresh') await leaveAccount(database);
      if (dropped > 0) showSnack({ message: `${count(dropped, 'entry', 'entries')} could not be kept.` });
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setWorking(false);
    }
  };

  return (
    <View style={styles.choices}>
      <Heading level={3}>What should happen?</Heading>
      {ways.includes('join') && (
        <Choice
          label="Join again"
          explanation="With a code from another device. The games here can come along."
          testID="recover-join"
          isDisabled={isWorking}
          onPress={onJoin}
        />
      )}
      {ways.includes('take-server') && (
        <Choice
          label="Take the server’s data"
          explanation={`Keeps the ${count(pending, 'change')} not yet sent from this device.`}
          testID="recover-take-server"
          isDisabled={isWorking}
          onPress={() => void recover('take-server')}
        />
      )}
      {ways.includes('upload-everything') && (
        <Choice
          label="Upload everything from here"
          explanation="Puts all games on this device on the server as well."
          testID="recover-upload-everything"
          isDisabled={isWorking}
          onPress={() => void recover('upload-everything')}
        />
      )}
      {timesAsked === 0 ? (
        <Choice
          label="Start fresh"
          explanation={lossOf(pending)}
          testID="recover-start-fresh"
          isDisabled={isWorking}
          isDangerous
          onPress={() => setTimesAsked(1)}
        />
      ) : (
        <View style={styles.choice} aria-live="polite">
          <AppText kind="strong" color={colors.danger}>
            {timesAsked === 1 ? lossOf(pending) : 'This cannot be undone. Clear this device now?'}
          </AppText>
          <View style={styles.answers}>
            <Button label="Cancel" look="quiet" testID="cancel" onPress={() => setTimesAsked(0)} />
            <Button
              label={timesAsked === 1 ? 'Clear this device' : 'Yes, clear it'}
              look="danger"
              testID="confirm"
              onPress={() => (timesAsked === 1 ? setTimesAsked(2) : void recover('start-fresh'))}
            />
          </View>
        </View>
      )}
      {error !== undefined && (
        <AppText kind="small" color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
    </View>
  );
}

function lossOf(pending: number): string {
  return pending === 0
    ? 'Clears this device. Nothing unsent is lost.'
    : `Clears this device. ${count(pending, 'unsent change')} will be lost.`;
}

function Choice(props: {
  label: string;
  explanation: string;
  testID: string;
  isDisabled: boolean;
  isDangerous?: boolean;
  onPress: () => void;
}) {
  const colors = useColors();
  return (
    <View style={styles.choice}>
      <Button
        label={props.label}
        look={props.isDangerous ? 'danger' : 'secondary'}
        isDisabled={props.isDisabled}
        testID={props.testID}
        onPress={props.onPress}
      />
      <AppText kind="small" color={colors.inkSoft}>
        {props.explanation}
      </AppText>
    </View>
  );
}

const styles = StyleSheet.create({
  choices: { gap: space.l },
  choice: { gap: space.xs },
  answers: { flexDirection: 'row', flexWrap: 'wrap', justifyContent: 'flex-end', gap: space.s },
});
