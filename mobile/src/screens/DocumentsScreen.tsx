import { useNavigation } from '@react-navigation/native';
import { useEffect, useState } from 'react';
import { Platform } from 'react-native';
import { IconButton } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { useKeyboard } from '../components/keyboard';
import { Screen } from '../components/Screen';
import { useTidemark, useSyncStatus, useValue } from '../components/tidemark-context';
import { Documents } from '../documents/documents';
import { DocumentsList } from '../documents/DocumentsList';
import { pageSessionId } from '../documents/page-session';
import { isDocumentsOnly, leaveDocuments } from '../navigation/documents-only';
import type { Navigation } from '../navigation/routes';
import { useNow } from '../components/use-now';

const TICK_MS = 10_000;

/** The account's documents: their locks and uploads, and the actions to lock, download and replace them. */
export function DocumentsScreen() {
  const navigation = useNavigation<Navigation>();
  const goBack = () => (isDocumentsOnly ? leaveDocuments() : navigation.popTo('Settings'));
  useKeyboard((key) => {
    if (key === 'Escape') goBack();
    return key === 'Escape';
  });
  if (Platform.OS === 'web') return <Live onBack={goBack} />;
  return (
    <Screen title="Documents" onBack={goBack}>
      <EmptyState icon="document" title="Only in a browser">
        Documents are looked after in a browser, at the address of your server.
      </EmptyState>
    </Screen>
  );
}

function Live({ onBack }: { onBack: () => void }) {
  const tidemark = useTidemark();
  const { state } = useSyncStatus();
  const [documents] = useState(() => new Documents(tidemark, pageSessionId()));
  useEffect(() => {
    documents.open();
    return () => documents.close();
  }, [documents]);
  useUnloadWarning(documents);
  return (
    <Screen
      title="Documents"
      onBack={onBack}
      actions={
        <IconButton
          label="Read the list again"
          icon="retry"
          testID="refresh"
          onPress={() => void documents.load()}
        />
      }
    >
      <DocumentsList documents={documents} isOffline={state === 'disconnected'} now={useNow(TICK_MS)} />
    </Screen>
  );
}

/** Makes the browser ask before it closes the page during an import. */
function useUnloadWarning(documents: Documents): void {
  const { activities } = useValue(documents.view);
  const isUploading = Object.values(activities).some(({ upload }) => upload !== null);
  useEffect(() => {
    if (!isUploading) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isUploading]);
}
