import { fireEvent, screen } from '@testing-library/react-native';
import { Linking } from 'react-native';
import { createGame, deleteGame } from '../../src/games/actions';
import { listGames } from '../../src/games/records';
import { listDeleted } from '../../src/games/trash';
import { press, startApp } from './start-app';

const GAME = {
  name: 'Friday',
  targetScore: 100,
  players: ['Ann', 'Ben'].map((name) => ({ id: null, name })),
};

test('signing out names the changes that would be lost, and can be thought over', async () => {
  await using app = await startApp();
  await createGame(app.database, GAME); // one game and two players, all unsynced
  await press('open-settings');
  await press('sign-out');
  expect(
    await screen.findByText('3 changes on this device never reached the server and will be lost.'),
  ).toBeOnTheScreen();
  await press('cancel');
  expect(await listGames(app.database)).toHaveLength(1);
});

test('signing out empties the device, of deleted games too', async () => {
  await using app = await startApp();
  await createGame(app.database, GAME);
  await deleteGame(app.database, await createGame(app.database, GAME), 'Friday');
  await press('open-settings');
  await press('sign-out');
  await press('confirm');
  await screen.findByText('Signed out. This device is empty now.');
  expect(await listGames(app.database)).toEqual([]);
  expect(await listDeleted(app.database)).toEqual([]);
});

test('joining with games on the device asks what becomes of them', async () => {
  await using app = await startApp();
  await createGame(app.database, GAME);
  await press('open-settings');
  await press('join-other');
  fireEvent.changeText(await screen.findByTestId('join-code'), 'abcd 2345');
  fireEvent.changeText(screen.getByTestId('join-server'), 'sync.example.org');
  await press('join');
  expect(await screen.findByTestId('join-bring-along')).toBeOnTheScreen();
  expect(screen.getByTestId('join-start-fresh')).toBeOnTheScreen();
  expect(screen.getByText(/3 unsent changes will be lost/)).toBeOnTheScreen();
});

test('a link that names a server is asked about before the code goes there', async () => {
  const link = 'tidemark://join/ABCD2345?server=https%3A%2F%2Felsewhere.example';
  const opened = jest.spyOn(Linking, 'getInitialURL').mockResolvedValue(link);
  await using app = await startApp();
  opened.mockRestore();
  await createGame(app.database, GAME);
  await press('join');
  expect(await screen.findByText(/https:\/\/elsewhere\.example/)).toBeOnTheScreen();
  await press('cancel');
  expect(screen.queryByTestId('join-bring-along')).toBeNull();

  await press('join');
  await press('confirm');
  expect(await screen.findByTestId('join-bring-along')).toBeOnTheScreen();
});
