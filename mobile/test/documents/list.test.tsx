import { screen } from '@testing-library/react-native';
import { Documents } from '../../src/documents/documents';
import { DocumentsList } from '../../src/documents/DocumentsList';
import { openTestClient, press, show } from '../screens/start-app';

/** Shows the list of documents without a server. */
async function showList(isOffline: boolean) {
  const opened = await openTestClient();
  const documents = new Documents(opened.tidemark, 'page');
  documents.open();
  await show(opened.tidemark, <DocumentsList documents={documents} isOffline={isOffline} now={Date.now()} />);
  return { opened, documents };
}

test('without a connection the page says that documents need the server', async () => {
  const { opened } = await showList(true);
  await using _opened = opened;
  expect(await screen.findByText('No connection')).toBeOnTheScreen();
  expect(screen.getByText(/Documents live on the server/)).toBeOnTheScreen();
  await press('reload');
  expect(await screen.findByText('No connection')).toBeOnTheScreen();
});

test('while this device is not registered yet the page is loading, not failing', async () => {
  const { opened } = await showList(false);
  await using _opened = opened;
  expect(await screen.findByText('Loading the documents …')).toBeOnTheScreen();
  expect(screen.queryByTestId('refusal')).toBeNull();
});
