import { useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { leaveAccount } from '../games/leave-account';
import { space, useColors } from '../theme';
import { AppText, Heading } from './AppText';
import { Button } from './Button';
import { useTidemark } from './tidemark-context';
import { useSnackbar } from './Snackbar';
import { count, messageOf } from './words';

type Way = 'upload-everything' | 'join' | 'take-server' | 'start-fresh';

/** The user's choices for each error code, the safest first. Other errors need no decision. */
const WAYS_OUT: Record<string, Way[]> = {
  HISTORY_CHANGED: ['upload-everything', 'take-server', 'start-fresh'],
  TOKEN_INVALID: ['upload-everything', 'join', 'take-server', 'start-fresh'],
  DEVICE_REVOKED: ['join', 'upload-everything', 'start-fresh'],
};

/** The ways out of `incompatible`, for the user to choose. */
export function RecoveryChoices({
  code,
  pending,
  onJoin,
}: {
  code: string;
  /** Local changes that the server has not acknowledged. */
  pending: number;
  /** Opens the screen where another device's pairing code is entered. */
  onJoin: () => void;
}) {
  const colors = useColors();
  const tidemark = useTidemark();
  const { database } = tidemark;
  const showSnack = useSnackbar();
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<string>();
  const [asked, setAsked] = useState<{ way: Way; times: number }>();
  const ways = WAYS_OUT[code] ?? [];
  if (ways.length === 0) return null;

  const recover = async (way: Exclude<Way, 'join'>) => {
    setWorking(true);
    setError(undefined);
    setAsked(undefined);
    try {
      const { dropped } = await tidemark.resolve(way);
      if (way === 'start-fresh') await leaveAccount(database);
      if (dropped > 0) showSnack({ message: `${count(dropped, 'entry', 'entries')} could not be kept.` });
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setWorking(false);
    }
  };

  const offers = offersFor(pending);
  const choose = (way: Way, times = 0) => {
    if (way === 'join') onJoin();
    else if (times < offers[way].questions.length) setAsked({ way, times: times + 1 });
    else void recover(way);
  };

  return (
    <View style={styles.choices}>
      <Heading level={3}>What should happen?</Heading>
      {ways.map((way) =>
        asked?.way === way ? (
          <Question
            key={way}
            text={offers[way].questions[asked.times - 1]!}
            confirmLabel={asked.times === 1 ? offers[way].confirmLabel : 'Yes, do it'}
            onConfirm={() => choose(way, asked.times)}
            onCancel={() => setAsked(undefined)}
          />
        ) : (
          <Choice
            key={way}
            offer={offers[way]}
            testID={`recover-${way}`}
            isDisabled={isWorking}
            onPress={() => choose(way)}
          />
        ),
      )}
      {error !== undefined && (
        <AppText kind="small" color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
    </View>
  );
}

/** The texts for one way out. */
interface Offer {
  label: string;
  explanation: string;
  /** The questions to confirm, one after the other, before anything happens. */
  questions: string[];
  confirmLabel: string;
  isDangerous: boolean;
}

function offersFor(pending: number): Record<Way, Offer> {
  const kept = pending === 0 ? '' : ` Keeps the ${count(pending, 'change')} not yet sent.`;
  const taking = `Games that the server does not have go from this device.${kept}`;
  const clearing =
    pending === 0
      ? 'Clears this device. The server may not have these games; they will be lost.'
      : `Clears this device. ${count(pending, 'unsent change')} will be lost, and games the server does not have.`;
  const harmless = { questions: [], confirmLabel: '', isDangerous: false };
  return {
    'upload-everything': {
      ...harmless,
      label: 'Upload everything from here',
      explanation: 'Keeps all games on this device, and puts them on the server as well.',
    },
    join: {
      ...harmless,
      label: 'Join again',
      explanation: 'With a code from another device. The games here can come along.',
    },
    'take-server': {
      label: 'Take the server’s data',
      explanation: taking,
      questions: [`${taking} Take the server’s data now?`],
      confirmLabel: 'Take the server’s data',
      isDangerous: true,
    },
    'start-fresh': {
      label: 'Start fresh',
      explanation: clearing,
      questions: [clearing, 'This cannot be undone. Clear this device now?'],
      confirmLabel: 'Clear this device',
      isDangerous: true,
    },
  };
}

function Question(props: {
  text: string;
  confirmLabel: string;
  onConfirm: () => void;
  onCancel: () => void;
}) {
  const colors = useColors();
  return (
    <View style={styles.choice} aria-live="polite">
      <AppText kind="strong" color={colors.danger}>
        {props.text}
      </AppText>
      <View style={styles.answers}>
        <Button label="Cancel" look="quiet" testID="cancel" onPress={props.onCancel} />
        <Button label={props.confirmLabel} look="danger" testID="confirm" onPress={props.onConfirm} />
      </View>
    </View>
  );
}

function Choice(props: { offer: Offer; testID: string; isDisabled: boolean; onPress: () => void }) {
  const colors = useColors();
  const { label, explanation, isDangerous } = props.offer;
  return (
    <View style={styles.choice}>
      <Button
        label={label}
        look={isDangerous ? 'danger' : 'secondary'}
        isDisabled={props.isDisabled}
        testID={props.testID}
        onPress={props.onPress}
      />
      <AppText kind="small" color={colors.inkSoft}>
        {explanation}
      </AppText>
    </View>
  );
}

const styles = StyleSheet.create({
  choices: { gap: space.l },
  choice: { gap: space.xs },
  answers: { flexDirection: 'row', flexWrap: 'wrap', justifyContent: 'flex-end', gap: space.s },
});
