import { fireEvent, screen, waitFor, within } from '@testing-library/react-native';
import { listGames } from '../../src/games/records';
import { beginGame, press, startApp, type } from './start-app';

const textOf = (testID: string) => screen.getByTestId(testID).props.children as string;

test('the first start says what to do', async () => {
  await using _app = await startApp();
  expect(await screen.findByText('No games yet')).toBeOnTheScreen();
  expect(screen.getByTestId('new-game')).toBeOnTheScreen();
  expect(screen.getByTestId('light')).toHaveProp('accessibilityLabel', expect.stringContaining('Offline'));
});

test('a game needs two players and a target', async () => {
  await using app = await startApp();
  await press('new-game');
  fireEvent.changeText(await screen.findByTestId('player-name-0'), 'Ann');
  await press('start-game');
  expect(await screen.findByText('Add at least two players.')).toBeOnTheScreen();
  fireEvent.changeText(screen.getByTestId('player-name-1'), 'Ben');
  fireEvent.changeText(screen.getByTestId('target-score'), 'many');
  await press('start-game');
  expect(await screen.findByText('The target is a whole number from 1 up.')).toBeOnTheScreen();
  expect(await listGames(app.database)).toEqual([]);
});

test('two touches of the button begin one game', async () => {
  await using app = await startApp();
  await press('new-game');
  fireEvent.changeText(await screen.findByTestId('player-name-0'), 'Ann');
  fireEvent.changeText(screen.getByTestId('player-name-1'), 'Ben');
  const start = screen.getByTestId('start-game');
  fireEvent.press(start);
  fireEvent.press(start);
  await screen.findByTestId('add-round');
  expect(await listGames(app.database)).toHaveLength(1);
});

test('a round goes from the keypad to the scoreboard', async () => {
  await using _app = await startApp();
  await beginGame(['Ann', 'Ben', 'Cleo']);
  expect(screen.getByText('No rounds yet')).toBeOnTheScreen();

  await press('add-round');
  await screen.findByTestId('key-next');
  expect(textOf('current-player')).toBe('Ann');
  await type('12>');
  expect(textOf('current-player')).toBe('Ben');
  await type('-5');
  await press('caller-1');
  await type('>30+10');
  await type('>');

  await waitFor(() => expect(textOf('total-0')).toBe('12'));
  expect(textOf('total-1')).toBe('−5');
  expect(textOf('total-2')).toBe('40');
  expect(screen.getByText('Round 1 saved')).toBeOnTheScreen();
  expect(screen.getByLabelText('Edit round 1')).toBeOnTheScreen();
  expect(screen.getByLabelText('called')).toBeOnTheScreen();
  expect(screen.getByText('+10')).toBeOnTheScreen();
});

test('a saved round can be undone from the message', async () => {
  await using _app = await startApp();
  await beginGame(['Ann', 'Ben']);
  await press('add-round');
  await type('1>2>');
  await screen.findByTestId('round-row-1');
  await press('undo-round');
  await screen.findByText('No rounds yet');
  expect(textOf('total-0')).toBe('0');
});

test('an old round opens on the same keypad and can be changed back', async () => {
  await using _app = await startApp();
  await beginGame(['Ann', 'Ben']);
  await press('add-round');
  await type('1>2>');
  await press('round-row-1');
  await screen.findByTestId('delete-round');
  await type('7>>');
  await waitFor(() => expect(textOf('total-0')).toBe('7'));
  expect(textOf('total-1')).toBe('2');
  await press('undo-round');
  await waitFor(() => expect(textOf('total-0')).toBe('1'));
});

test('the round that reaches the target names the winner and offers another game', async () => {
  await using _app = await startApp();
  await beginGame(['Ann', 'Ben'], '20');
  await press('add-round');
  await type('21>2>');
  expect(within(await screen.findByTestId('winner')).getByText('Ann wins with 21')).toBeOnTheScreen();
  await press('play-again');
  expect((await screen.findByTestId('player-name-1')).props.value).toBe('Ben');
});

test('a deleted game is back after undo', async () => {
  await using app = await startApp();
  await beginGame(['Ann', 'Ben']);
  await press('add-round');
  await type('1>2>');
  const [game] = await listGames(app.database);
  await press('game-menu');
  await press('delete-game');
  await screen.findByText('No games yet');
  await press('undo-delete');
  await press(`game-row-${game!.id}`);
  await waitFor(() => expect(textOf('total-1')).toBe('2'));
});

test('a deleted game can be brought back from the settings', async () => {
  await using app = await startApp();
  await beginGame(['Ann', 'Ben']);
  await press('game-menu');
  await press('delete-game');
  await screen.findByText('No games yet');
  await press('open-settings');
  await press('restore-1');
  await waitFor(async () => expect(await listGames(app.database)).toHaveLength(1));
  expect(await screen.findByText('“Ann, Ben” is back')).toBeOnTheScreen();
});

test('a deleted round can be brought back from the settings', async () => {
  await using app = await startApp();
  await beginGame(['Ann', 'Ben']);
  await press('add-round');
  await type('1>2>');
  await press('round-row-1');
  await press('delete-round');
  await screen.findByText('No rounds yet');
  await press('back');
  await press('open-settings');
  expect(await screen.findByText('Round 1 of Ann, Ben')).toBeOnTheScreen();
  await press('restore-1');
  expect(await screen.findByText('“Round 1 of Ann, Ben” is back')).toBeOnTheScreen();
  expect(await app.database.get('rounds').query().fetchCount()).toBe(1);
});
