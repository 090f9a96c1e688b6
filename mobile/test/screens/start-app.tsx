import { Tidemark } from '@tidemark/client';
import type { Database } from '@nozbe/watermelondb';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react-native';
import type { ReactElement } from 'react';
import { SafeAreaProvider } from 'react-native-safe-area-context';
import { TidemarkProvider } from '../../src/components/tidemark-context';
import { SnackbarProvider } from '../../src/components/Snackbar';
import { Navigator } from '../../src/navigation/Navigator';
import { synchronize } from '../../src/session/synchronize';
import { newDatabase } from '../support/new-database';

const METRICS = {
  frame: { x: 0, y: 0, width: 390, height: 844 },
  insets: { top: 0, left: 0, right: 0, bottom: 0 },
};

interface TestClient extends AsyncDisposable {
  database: Database;
  tidemark: Tidemark;
}

/** A client on an empty database in memory, without a server. */
export async function openTestClient(): Promise<TestClient> {
  const tidemark = await Tidemark.open({
    database: await newDatabase(),
    serverUrl: '',
    synchronize,
    device: { name: 'Test phone', platform: 'ios' },
  });
  return {
    database: tidemark.database,
    tidemark,
    async [Symbol.asyncDispose]() {
      cleanup();
      await tidemark.close();
    },
  };
}

/** Renders the app or a part of it inside the providers that it needs. */
export async function show(tidemark: Tidemark, part: ReactElement): Promise<void> {
  render(
    <SafeAreaProvider initialMetrics={METRICS}>
      <SnackbarProvider>
        <TidemarkProvider value={tidemark}>{part}</TidemarkProvider>
      </SnackbarProvider>
    </SafeAreaProvider>,
  );
  await act(async () => undefined); // lets the first reads of the database finish
}

/** Renders the whole app on an empty database in memory, without a server. */
export async function startApp(): Promise<TestClient> {
  const opened = await openTestClient();
  await show(opened.tidemark, <Navigator />);
  return opened;
}

/** Presses the element with this id once it exists. */
export async function press(testID: string): Promise<void> {
  fireEvent.press(await screen.findByTestId(testID));
}

/** Presses keys of the keypad one by one: digits, `>` next, `-`, `<` erase, `+` bonus, `z` undo. */
export async function type(keys: string): Promise<void> {
  const ids: Record<string, string> = {
    '>': 'key-next',
    '-': 'key-minus',
    '<': 'key-back',
    '+': 'bonus-toggle',
    z: 'key-undo',
  };
  for (const key of keys) await press(ids[key] ?? `key-${key}`);
}

/** Begins a game through the screens, from the list of games to its scoreboard. */
export async function beginGame(players: string[], target = '100'): Promise<void> {
  await press('new-game');
  for (const [seat, name] of players.entries()) {
    if (seat >= 2) await press('add-player');
    fireEvent.changeText(await screen.findByTestId(`player-name-${seat}`), name);
  }
  fireEvent.changeText(screen.getByTestId('target-score'), target);
  await press('start-game');
  await screen.findByTestId('add-round');
}
