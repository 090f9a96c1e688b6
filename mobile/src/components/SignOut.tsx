import { useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { leaveAccount } from '../games/leave-account';
import { space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { ConfirmDialog } from './Dialog';
import { useTidemark, useSyncStatus } from './tidemark-context';
import { useSnackbar } from './Snackbar';
import { count, messageOf } from './words';

/** Signs out and erases the data on this device; first says what would be lost. */
export function SignOut() {
  const colors = useColors();
  const tidemark = useTidemark();
  const showSnack = useSnackbar();
  const isIncompatible = useSyncStatus().state === 'incompatible';
  const [unsynced, setUnsynced] = useState<number | null>(null);

  const ask = () =>
    tidemark
      .countUnsynced()
      .then(setUnsynced)
      .catch((failure: unknown) => showSnack({ message: messageOf(failure) }));
  const leave = async () => {
    setUnsynced(null);
    try {
      await tidemark.signOut();
      await leaveAccount(tidemark.database);
      showSnack({ message: 'Signed out. This device is empty now.' });
    } catch (failure) {
      showSnack({ message: messageOf(failure) });
    }
  };

  return (
    <View style={styles.signOut}>
      <AppText color={colors.inkSoft}>
        Removes the games from this device. Other devices keep them, and this one can join again.
      </AppText>
      <Button label="Sign out" look="danger" testID="sign-out" onPress={() => void ask()} />
      <ConfirmDialog
        title="Sign out?"
        isOpen={unsynced !== null}
        confirmLabel={unsynced ? 'Sign out and lose them' : 'Sign out'}
        onConfirm={() => void leave()}
        onCancel={() => setUnsynced(null)}
      >
        {!!unsynced && (
          <AppText kind="strong" color={colors.danger}>
            {count(unsynced, 'change')} on this device never reached the server and will be lost.
          </AppText>
        )}
        {isIncompatible ? (
          <AppText kind="strong" color={colors.danger}>
            The server may not have these games; they will be lost.
          </AppText>
        ) : (
          !unsynced && <AppText>Everything here is on the server.</AppText>
        )}
        <AppText>
          If no other device shares these games, add one first: without it nobody can get back to them.
        </AppText>
      </ConfirmDialog>
    </View>
  );
}

const styles = StyleSheet.create({
  signOut: { gap: space.m },
});
