import { fireEvent, screen, waitFor } from '@testing-library/react-native';
import { RecoveryChoices } from '../../src/components/RecoveryChoices';
import { RefusedEntries } from '../../src/components/RefusedEntries';
import { createGame } from '../../src/games/actions';
import { findGame } from '../../src/games/records';
import { openTestClient, press, show } from './start-app';

test('a name that the server refused as too long can be made shorter', async () => {
  await using app = await openTestClient();
  const gameId = await createGame(app.database, {
    name: 'x'.repeat(203),
    targetScore: 100,
    players: [],
  });
  await show(
    app.tidemark,
    <RefusedEntries refused={[{ table: 'games', id: gameId, reason: 'TEXT_TOO_LONG' }]} />,
  );
  expect(await screen.findByText(/too long for the server/)).toBeOnTheScreen();
  expect(await screen.findByText('3 characters too many')).toBeOnTheScreen();
  expect(screen.getByTestId('save-shortened')).toBeDisabled();
  const error = screen.getByText('3 characters too many');
  expect(screen.getByTestId('shorten-text')).toHaveProp('aria-invalid', true);
  expect(screen.getByTestId('shorten-text')).toHaveProp(
    'aria-describedby',
    error.props.nativeID ?? error.props.id,
  );
  fireEvent.changeText(screen.getByTestId('shorten-text'), 'Friday');
  await press('save-shortened');
  await waitFor(async () => expect((await findGame(app.database, gameId))?.game.name).toBe('Friday'));
});

test('an entry with an id that no server takes can be removed', async () => {
  await using app = await openTestClient();
  const gameId = await createGame(app.database, { name: 'Friday', targetScore: 100, players: [] });
  await show(
    app.tidemark,
    <RefusedEntries refused={[{ table: 'games', id: gameId, reason: 'ID_INVALID' }]} />,
  );
  await press('drop-refused');
  await waitFor(async () => expect(await findGame(app.database, gameId)).toBeNull());
});

test('starting fresh names what is lost and asks twice', async () => {
  await using app = await openTestClient();
  const gameId = await createGame(app.database, { name: 'Friday', targetScore: 100, players: [] });
  await show(app.tidemark, <RecoveryChoices code="HISTORY_CHANGED" pending={4} onJoin={() => undefined} />);
  await press('recover-start-fresh');
  expect(screen.getByText(/4 unsent changes will be lost/)).toBeOnTheScreen();
  await press('confirm');
  expect(screen.getByText('This cannot be undone. Clear this device now?')).toBeOnTheScreen();
  await press('cancel');
  expect(screen.getByTestId('recover-start-fresh')).toBeOnTheScreen();
  expect(await findGame(app.database, gameId)).not.toBeNull();
});

test('taking the server’s data says what goes and what stays, and asks before it does so', async () => {
  await using app = await openTestClient();
  const gameId = await createGame(app.database, { name: 'Friday', targetScore: 100, players: [] });
  await show(app.tidemark, <RecoveryChoices code="TOKEN_INVALID" pending={1} onJoin={() => undefined} />);
  await press('recover-take-server');
  expect(
    screen.getByText(
      'Games that the server does not have go from this device. Keeps the 1 change not yet sent. Take the server’s data now?',
    ),
  ).toBeOnTheScreen();
  await press('cancel');
  expect(screen.getByTestId('recover-take-server')).toBeOnTheScreen();
  expect(await findGame(app.database, gameId)).not.toBeNull();
});

test('a device that the server does not know has every way out, the one that loses nothing first', async () => {
  await using app = await openTestClient();
  await show(app.tidemark, <RecoveryChoices code="TOKEN_INVALID" pending={0} onJoin={() => undefined} />);
  expect(screen.getAllByTestId(/^recover-/).map(({ props }) => props.testID as string)).toEqual([
    'recover-upload-everything',
    'recover-join',
    'recover-take-server',
    'recover-start-fresh',
  ]);
  expect(screen.queryByText(/Keeps the 0/)).toBeNull();
});

test('a revoked device can join again or start fresh', async () => {
  await using app = await openTestClient();
  const onJoin = jest.fn();
  await show(app.tidemark, <RecoveryChoices code="DEVICE_REVOKED" pending={0} onJoin={onJoin} />);
  expect(screen.queryByTestId('recover-take-server')).toBeNull();
  expect(screen.getByTestId('recover-start-fresh')).toBeOnTheScreen();
  await press('recover-join');
  expect(onJoin).toHaveBeenCalled();
});
