import { useState } from 'react';
import { Platform, StyleSheet, View } from 'react-native';
import { pathOf } from '../navigation/routes';
import { space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { QrCode } from './QrCode';
import { useTidemark } from './tidemark-context';
import { messageOf } from './words';

/** Makes a pairing code for one more device; shows it as text and as a QR code. */
export function PairDevice() {
  const colors = useColors();
  const tidemark = useTidemark();
  const [pairing, setPairing] = useState<{ code: string; expiresAt: number }>();
  const [error, setError] = useState<string>();

  const create = async () => {
    setError(undefined);
    try {
      setPairing(await tidemark.pair());
    } catch (failure) {
      setError(messageOf(failure));
    }
  };

  return (
    <View style={styles.pair}>
      <Button
        label="Add a device"
        icon="plus"
        look="primary"
        testID="pair-device"
        onPress={() => void create()}
      />
      {error !== undefined && (
        <AppText color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
      {pairing && (
        <Dialog title="Add a device" isOpen onClose={() => setPairing(undefined)}>
          <AppText>
            Scan this with the other device’s camera, or open Settings there, choose “Join another device’s
            games” and type the code.
          </AppText>
          <QrCode text={linkOf(pairing.code, tidemark.serverUrl)} label="The pairing code as a QR code" />
          <AppText kind="number" selectable testID="pairing-code" style={styles.code}>
            {pairing.code}
          </AppText>
          <AppText kind="small" color={colors.inkSoft} style={styles.centered}>
            Works once, until{' '}
            {new Date(pairing.expiresAt).toLocaleTimeString('en-US', { timeStyle: 'short' })}.
          </AppText>
        </Dialog>
      )}
    </View>
  );
}

/** The link in the QR code. Made on the web it opens the web app; made on a phone it opens the app. */
function linkOf(code: string, serverUrl: string): string {
  return Platform.OS === 'web'
    ? `${serverUrl}/#${pathOf({ name: 'Join', params: { code } })}`
    : `tidemark:/${pathOf({ name: 'Join', params: { code, server: serverUrl } })}`;
}

const styles = StyleSheet.create({
  pair: { gap: space.s },
  code: { textAlign: 'center', letterSpacing: 4 },
  centered: { textAlign: 'center' },
});
