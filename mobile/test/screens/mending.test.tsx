import { fireEvent, screen, waitFor } from '@testing-library/react-native';
import { RecoveryChoices } from '../../src/components/RecoveryChoices';
import { RefusedEntries } from '../../src/components/RefusedEntries';
import { createGame } from '../../src/games/actions';
import { findGame } from '../../src/games/records';
import { openTestSession, press, show } from './start-app';

test('a name that the server refused as too long can be made shorter', async () => {
  await using app = await openTestSession();
  const gameId = await createGame(app.database, {
    name: 'x'.repeat(203),
    targetScore: 100,
    players: [],
  });
  await show(
    app.session,
    <RefusedEntries refused={[{ table: 'games', id: gameId, reason: 'TEXT_TOO_LONG' }]} />,
  );
  expect(await screen.findByText(/too long for the server/)).toBeOnTheScreen();
  expect(await screen.findByText('3 characters too many')).toBeOnTheScreen();
  expect(screen.getByTestId('save-shortened')).toBeDisabled();
  fireEvent.changeText(screen.getByTestId('shorten-text'), 'Friday');
  await press('save-shortened');
  await waitFor(async () => expect((await findGame(app.database, gameId))?.game.name).toBe('Friday'));
});

test('an entry with an id that no server takes can be removed', async () => {
  await using app = await openTestSession();
  const gameId = await createGame(app.database, { name: 'Friday', targetScore: 100, players: [] });
  await show(
    app.session,
    <RefusedEntries refused={[{ table: 'games', id: gameId, reason: 'ID_INVALID' }]} />,
  );
  await press('drop-refused');
  await waitFor(async () => expect(await findGame(app.database, gameId)).toBeNull());
});

test('starting fresh names what is lost and asks twice', async () => {
  await using app = await openTestSession();
  const gameId = await createGame(app.database, { name: 'Friday', targetScore: 100, players: [] });
  await show(app.session, <RecoveryChoices code="HISTORY_CHANGED" pending={4} onJoin={() => undefined} />);
  await press('recover-start-fresh');
  expect(screen.getByText('Clears this device. 4 unsent changes will be lost.')).toBeOnTheScreen();
  await press('confirm');
  expect(screen.getByText('This cannot be undone. Clear this device now?')).toBeOnTheScreen();
  await press('cancel');
  expect(screen.getByTestId('recover-start-fresh')).toBeOnTheScreen();
  expect(await findGame(app.database, gameId)).not.toBeNull();
});

test('a revoked device can join again or start fresh', async () => {
  await using app = await openTestSession();
  const onJoin = jest.fn();
  await show(app.session, <RecoveryChoices code="DEVICE_REVOKED" pending={0} onJoin={onJoin} />);
  expect(screen.queryByTestId('recover-take-server')).toBeNull();
  expect(screen.getByTestId('recover-start-fresh')).toBeOnTheScreen();
  await press('recover-join');
  expect(onJoin).toHaveBeenCalled();
});
