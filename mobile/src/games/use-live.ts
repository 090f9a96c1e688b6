import { useEffect, useState } from 'react';
import type { Database } from '@nozbe/watermelondb';
import { useSnackbar } from '../components/Snackbar';
import { messageOf } from '../components/words';
import { findGame, GAME_TABLES, listGames, type GameRecords, type GameRow } from './records';

/**
 * The result of `read`, which is called again whenever one of the tables changes.
 * @param key identifies what is read; when the key changes, the old value is dropped
 * @returns undefined until the first read has ended
 */
export function useLive<T>(
  database: Database,
  tables: readonly string[],
  key: string,
  read: (database: Database) => Promise<T>,
): T | undefined {
  const showSnack = useSnackbar();
  const [found, setFound] = useState<{ key: string; value: T }>();
  useEffect(() => {
    let isCurrent = true;
    let isReading = false;
    let isStale = false;
    const load = async () => {
      if (isReading) {
        isStale = true;
        return;
      }
      isReading = true;
      try {
        do {
          isStale = false;
          const value = await read(database);
          if (isCurrent) setFound({ key, value });
        } while (isStale && isCurrent);
      } catch (failure) {
        if (isCurrent) showSnack({ message: messageOf(failure) });
      } finally {
        isReading = false;
      }
    };
    const subscription = database.withChangesForTables([...tables]).subscribe(() => void load());
    return () => {
      isCurrent = false;
      subscription.unsubscribe();
    };
    // `read` and `tables` do not change in effect while the key stays the same.
  }, [database, key, showSnack]);
  return found?.key === key ? found.value : undefined;
}

/** Every game, the newest first. */
export function useGames(database: Database): GameRow[] | undefined {
  return useLive(database, ['games'], 'games', listGames);
}

/** One game with its players, rounds and scores; null when it does not exist on this device. */
export function useGame(database: Database, gameId: string): GameRecords | null | undefined {
  return useLive(database, GAME_TABLES, gameId, () => findGame(database, gameId));
}
