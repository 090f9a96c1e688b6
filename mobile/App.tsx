import { StatusBar } from 'expo-status-bar';
import { useEffect, useState } from 'react';
import { Platform } from 'react-native';
import { SafeAreaProvider } from 'react-native-safe-area-context';
import { usePageLook } from './src/components/page-look';
import { SnackbarProvider } from './src/components/Snackbar';
import { isDocumentsOnly } from './src/navigation/documents-only';
import { watchTokenOf } from './src/navigation/routes';
import { HomeScreen } from './src/screens/HomeScreen';
import { WatchScreen } from './src/screens/WatchScreen';

/** The app: someone's own games, or in a browser the one game that a link shares. */
export default function App() {
  usePageLook();
  const shareToken = useShareToken();
  return (
    <SafeAreaProvider>
      <StatusBar style="auto" />
      <SnackbarProvider>
        {shareToken === null ? (
          <HomeScreen />
        ) : (
          <WatchScreen serverUrl={window.location.origin} token={shareToken} />
        )}
      </SnackbarProvider>
    </SafeAreaProvider>
  );
}

/** The token in the page's address; null when it is no link to a scoreboard. */
function useShareToken(): string | null {
  const [token] = useState(readShareToken);
  useEffect(() => {
    if (Platform.OS !== 'web') return;
    // Another link pasted into this tab starts the page anew, so that only someone's own games hold the database.
    const follow = () => {
      if (readShareToken() !== token) window.location.reload();
    };
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, [token]);
  return token;
}

function readShareToken(): string | null {
  return Platform.OS === 'web' && !isDocumentsOnly ? watchTokenOf(window.location.hash) : null;
}
