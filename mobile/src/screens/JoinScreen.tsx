import { useNavigation, useRoute, type RouteProp } from '@react-navigation/native';
import { useRef, useState } from 'react';
import { Platform, ScrollView, StyleSheet, View } from 'react-native';
import { AppText, Heading } from '../components/AppText';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/Dialog';
import { Field } from '../components/Field';
import { useKeyboard } from '../components/keyboard';
import { Screen } from '../components/Screen';
import { originOf } from '../components/ServerAddress';
import { useTidemark } from '../components/tidemark-context';
import { useSnackbar } from '../components/Snackbar';
import { count, messageOf } from '../components/words';
import { leaveAccount } from '../games/leave-account';
import { pathOf, type Navigation, type Routes } from '../navigation/routes';
import type { JoinWith } from '@tidemark/client';
import { radius, space, useColors } from '../theme';

/** Joins another device's account by its pairing code; asks what to do with the games on this device. */
export function JoinScreen() {
  const colors = useColors();
  const navigation = useNavigation<Navigation>();
  const params = useRoute<RouteProp<Routes, 'Join'>>().params;
  const tidemark = useTidemark();
  const showSnack = useSnackbar();
  const [code, setCode] = useState(params?.code ?? '');
  const [server, setServer] = useState(params?.server ?? tidemark.serverUrl);
  /** The link's server, while the user is asked about it. */
  const [linked, setLinked] = useState<string | null>(null);
  const [unsynced, setUnsynced] = useState<number | null>(null);
  const isBusy = useRef(false);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<string>();
  const goBack = () => navigation.popTo('Games');

  useKeyboard((key) => {
    if (key === 'Escape') goBack();
    return key === 'Escape';
  });

  const run = async (work: () => Promise<void>) => {
    if (isBusy.current) return; // a second touch while the first is being handled
    isBusy.current = true;
    setWorking(true);
    setError(undefined);
    try {
      await work();
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      isBusy.current = false;
      setWorking(false);
    }
  };
  const address = () => {
    const origin = originOf(server);
    if (!origin) throw new Error('The server’s address looks like https://sync.example.org.');
    return origin;
  };
  const join = async (localData: JoinWith) => {
    const serverUrl = address();
    await tidemark.join(cleanCode(code), { serverUrl, localData });
    if (localData === 'start-fresh') await leaveAccount(tidemark.database);
    showSnack({ message: 'Joined. The games are on their way.' });
    goBack();
  };
  const begin = async () => {
    // A link chose this server, not the user, and a code lets whoever has it into the account.
    if (server === params?.server && address() !== tidemark.serverUrl) setLinked(address());
    else await proceed();
  };
  const goToLinked = async () => {
    setLinked(null);
    // This page may send requests only to the server it came from; the other one has the same page. The code stays here.
    if (Platform.OS === 'web') window.location.assign(`${address()}/#${pathOf({ name: 'Join' })}`);
    else await proceed();
  };
  const proceed = async () => {
    if (await tidemark.hasLocalData()) setUnsynced(await tidemark.countUnsynced());
    else await join('start-fresh');
  };
  const canBegin = cleanCode(code) !== '' && unsynced === null;

  return (
    <Screen title="Join" onBack={goBack}>
      <ScrollView
        contentContainerStyle={styles.content}
        keyboardShouldPersistTaps="handled"
        automaticallyAdjustKeyboardInsets
      >
        <AppText>
          On the other device open Settings and choose “Add a device”. It shows a code of 8 or 12 characters.
        </AppText>
        <Field
          label="Code"
          testID="join-code"
          value={code}
          onChangeText={setCode}
          autoCapitalize="characters"
          autoCorrect={false}
          autoComplete="off"
          onSubmitEditing={() => canBegin && void run(begin)}
        />
        {Platform.OS !== 'web' && (
          <Field
            label="Server address"
            testID="join-server"
            value={server}
            onChangeText={setServer}
            inputMode="url"
            autoCapitalize="none"
            autoCorrect={false}
          />
        )}
        {error !== undefined && (
          <AppText color={colors.danger} role="alert">
            {error}
          </AppText>
        )}
        {unsynced === null ? (
          <Button
            label={isWorking ? 'Joining…' : 'Join'}
            look="primary"
            testID="join"
            isDisabled={isWorking || !canBegin}
            onPress={() => void run(begin)}
          />
        ) : (
          <View
            style={[styles.choice, { backgroundColor: colors.sheet, borderColor: colors.rule }]}
            aria-live="polite"
          >
            <Heading level={2}>There are games on this device</Heading>
            <Button
              label="Bring them along"
              look="primary"
              testID="join-bring-along"
              isDisabled={isWorking}
              onPress={() => void run(() => join('bring-along'))}
            />
            <AppText kind="small" color={colors.inkSoft}>
              Both devices then have all games.
            </AppText>
            <Button
              label="Start fresh"
              look="danger"
              testID="join-start-fresh"
              isDisabled={isWorking}
              onPress={() => void run(() => join('start-fresh'))}
            />
            <AppText kind="small" color={colors.inkSoft}>
              Removes the games from this device.{' '}
              {unsynced > 0 ? `${count(unsynced, 'unsent change')} will be lost.` : 'Nothing unsent is lost.'}
            </AppText>
          </View>
        )}
      </ScrollView>
      <ConfirmDialog
        title="Another server"
        isOpen={linked !== null}
        confirmLabel={Platform.OS === 'web' ? 'Go there' : 'Join there'}
        onConfirm={() => void run(goToLinked)}
        onCancel={() => setLinked(null)}
      >
        <AppText>
          The link leads to the server <AppText kind="strong">{linked}</AppText>
          {tidemark.serverUrl !== '' && `, not to ${tidemark.serverUrl}`}. Go on only if you trust it: it will
          get
          {Platform.OS === 'web'
            ? ' the code that you type there.'
            : ' the code, and the games that you bring along.'}
        </AppText>
      </ConfirmDialog>
    </Screen>
  );
}

function cleanCode(code: string): string {
  return code.replace(/[^A-Za-z0-9]/g, '').toUpperCase();
}

const styles = StyleSheet.create({
  content: { padding: space.l, gap: space.l, width: '100%', maxWidth: 560, alignSelf: 'center' },
  choice: { padding: space.l, gap: space.s, borderWidth: 1, borderRadius: radius.m },
});
