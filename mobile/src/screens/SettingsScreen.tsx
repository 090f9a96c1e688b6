import { useNavigation } from '@react-navigation/native';
import { Platform, ScrollView, StyleSheet, View } from 'react-native';
import { AppText, Heading } from '../components/AppText';
import { Button } from '../components/Button';
import { Devices } from '../components/Devices';
import { useKeyboard } from '../components/keyboard';
import { PairDevice } from '../components/PairDevice';
import { RecentlyDeleted } from '../components/RecentlyDeleted';
import { Screen } from '../components/Screen';
import { ServerAddress } from '../components/ServerAddress';
import { SignOut } from '../components/SignOut';
import type { Navigation } from '../navigation/routes';
import { space, useColors } from '../theme';

/** The settings: devices, pairing, deleted games and rounds, the server, and signing out. */
export function SettingsScreen() {
  const navigation = useNavigation<Navigation>();
  const colors = useColors();
  const goBack = () => navigation.popTo('Games');

  useKeyboard((key) => {
    if (key === 'Escape') goBack();
    return key === 'Escape';
  });

  return (
    <Screen title="Settings" onBack={goBack}>
      <ScrollView contentContainerStyle={styles.sections}>
        <View style={styles.section}>
          <Heading level={2}>Devices</Heading>
          <AppText color={colors.inkSoft}>These devices share their games.</AppText>
          <Devices />
          <PairDevice />
          <Button
            label="Join another device’s games"
            icon="device"
            testID="join-other"
            onPress={() => navigation.navigate('Join')}
          />
        </View>
        <View style={styles.section}>
          <Heading level={2}>Recently deleted</Heading>
          <RecentlyDeleted />
        </View>
        {Platform.OS === 'web' && (
          <View style={styles.section}>
            <Heading level={2}>Documents</Heading>
            <AppText color={colors.inkSoft}>The databases of videos that this account keeps.</AppText>
            <Button
              label="Look after documents"
              icon="document"
              testID="open-documents"
              onPress={() => navigation.navigate('Documents')}
            />
          </View>
        )}
        <View style={styles.section}>
          <Heading level={2}>Server</Heading>
          <ServerAddress />
        </View>
        <View style={styles.section}>
          <Heading level={2}>Sign out</Heading>
          <SignOut />
        </View>
      </ScrollView>
    </Screen>
  );
}

const styles = StyleSheet.create({
  sections: { padding: space.l, gap: space.xxl, width: '100%', maxWidth: 640, alignSelf: 'center' },
  section: { gap: space.m },
});
