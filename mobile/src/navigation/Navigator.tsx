import {
  DarkTheme,
  DefaultTheme,
  NavigationContainer,
  useNavigationContainerRef,
  type LinkingOptions,
} from '@react-navigation/native';
import { createNativeStackNavigator } from '@react-navigation/native-stack';
import { Platform, useColorScheme } from 'react-native';
import { DocumentsScreen } from '../screens/DocumentsScreen';
import { GameScreen } from '../screens/GameScreen';
import { EditGameScreen } from '../screens/EditGameScreen';
import { GamesScreen } from '../screens/GamesScreen';
import { JoinScreen } from '../screens/JoinScreen';
import { NewGameScreen } from '../screens/NewGameScreen';
import { RoundScreen } from '../screens/RoundScreen';
import { SettingsScreen } from '../screens/SettingsScreen';
import { useColors } from '../theme';
import { stateOfAddress, useAddressBar, writeAddress } from './address-bar';
import { isDocumentsOnly } from './documents-only';
import { routesOf, type Routes } from './routes';

const Stack = createNativeStackNavigator<Routes>();
const isWeb = Platform.OS === 'web';
/** A page of documents alone has no other addresses. */
const hasAddresses = isWeb && !isDocumentsOnly;

/** Links such as `tidemark://join/ABCD2345?server=…`, on phones only; on the web see `useAddressBar`. */
const linking: LinkingOptions<Routes> = {
  enabled: !isWeb,
  prefixes: ['tidemark://'],
  getStateFromPath: (path) => ({ routes: routesOf(path) }),
};

/** The screens of the app and their addresses. */
export function Navigator() {
  const ref = useNavigationContainerRef<Routes>();
  useAddressBar(ref, hasAddresses);
  const colors = useColors();
  const base = useColorScheme() === 'dark' ? DarkTheme : DefaultTheme;
  const theme = {
    ...base,
    colors: { ...base.colors, background: colors.paper, card: colors.paper, primary: colors.accent },
  };
  return (
    <NavigationContainer
      ref={ref}
      theme={theme}
      linking={linking}
      initialState={hasAddresses ? stateOfAddress() : undefined}
      onStateChange={hasAddresses ? writeAddress : undefined}
      documentTitle={{
        formatter: (options) => (options?.title ? `${options.title} · Tidemark` : 'Tidemark'),
      }}
    >
      <Stack.Navigator
        screenOptions={{ headerShown: false, contentStyle: { backgroundColor: colors.paper } }}
      >
        {isDocumentsOnly ? (
          <Stack.Screen name="Games" component={DocumentsScreen} options={{ title: 'Documents' }} />
        ) : (
          <Stack.Screen name="Games" component={GamesScreen} options={{ title: 'Games' }} />
        )}
        <Stack.Screen name="NewGame" component={NewGameScreen} options={{ title: 'New game' }} />
        <Stack.Screen name="Game" component={GameScreen} options={{ title: 'Game' }} />
        <Stack.Screen name="EditGame" component={EditGameScreen} options={{ title: 'Edit game' }} />
        <Stack.Screen name="Round" component={RoundScreen} options={{ title: 'Round' }} />
        <Stack.Screen name="Settings" component={SettingsScreen} options={{ title: 'Settings' }} />
        <Stack.Screen name="Documents" component={DocumentsScreen} options={{ title: 'Documents' }} />
        <Stack.Screen name="Join" component={JoinScreen} options={{ title: 'Join' }} />
      </Stack.Navigator>
    </NavigationContainer>
  );
}
