import { useState } from 'react';
import { Platform, StyleSheet, View } from 'react-native';
import { space } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { Field } from './Field';
import { useTidemark } from './tidemark-context';
import { useSnackbar } from './Snackbar';
import { messageOf } from './words';

/** The server's address. The web app always uses the server it came from; on a phone the user can change it. */
export function ServerAddress() {
  const { serverUrl } = useTidemark();
  if (Platform.OS !== 'web') return <AddressForm />;
  return <AppText testID="server-url">{serverUrl}</AppText>;
}

function AddressForm() {
  const tidemark = useTidemark();
  const showSnack = useSnackbar();
  const [url, setUrl] = useState(tidemark.serverUrl);
  const [error, setError] = useState<string>();

  const save = async () => {
    const address = originOf(url);
    if (!address) return setError('An address looks like https://sync.example.org.');
    setError(undefined);
    try {
      await tidemark.setServerUrl(address);
      setUrl(address);
      showSnack({ message: 'Server address saved' });
    } catch (failure) {
      setError(messageOf(failure));
    }
  };

  return (
    <View style={styles.server}>
      <Field
        label="Address"
        testID="server-url"
        value={url}
        onChangeText={setUrl}
        error={error}
        inputMode="url"
        autoCapitalize="none"
        autoCorrect={false}
        placeholder="https://sync.example.org"
        onSubmitEditing={() => void save()}
      />
      <Button
        label="Save address"
        testID="save-server-url"
        isDisabled={url.trim() === tidemark.serverUrl}
        onPress={() => void save()}
      />
    </View>
  );
}

/** The origin of an address typed by hand; null when the text is not an address. */
export function originOf(text: string): string | null {
  if (text.trim() === '') return null;
  const address = /^https?:\/\//i.test(text.trim()) ? text.trim() : `https://${text.trim()}`;
  // Nothing before an `@` and no backslash: they would make another host look like this one.
  return /^https?:\/\/(\[[\da-f:.]+\]|[^\s/?#@\\:]+)(:\d+)?(?=\/|$)/i.exec(address)?.[0] ?? null;
}

const styles = StyleSheet.create({
  server: { gap: space.s },
});
