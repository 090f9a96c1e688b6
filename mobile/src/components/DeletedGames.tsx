import { useCallback, useEffect, useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { KEPT_FOR_DAYS, listDeletedGames, restore, type Deleted } from '../games/trash';
import { radius, space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { useSession } from './session-context';
import { useSnackbar } from './Snackbar';
import { ago, messageOf } from './words';

/** The games deleted here lately, each of which can come back. */
export function DeletedGames() {
  const colors = useColors();
  const { database } = useSession();
  const showSnack = useSnackbar();
  const [deleted, setDeleted] = useState<Deleted[]>();
  const load = useCallback(async () => setDeleted(await listDeletedGames(database)), [database]);
  useEffect(() => void load(), [load]);

  const bringBack = async ({ key, title }: Deleted) => {
    try {
      await restore(database, key);
      showSnack({ message: `“${title}” is back` });
    } catch (failure) {
      showSnack({ message: messageOf(failure) });
    }
    await load();
  };

  if (deleted?.length === 0) {
    return (
      <AppText color={colors.inkSoft}>
        Nothing. A game deleted on this device can be brought back here for {KEPT_FOR_DAYS} days.
      </AppText>
    );
  }
  return (
    <View style={styles.list}>
      {deleted?.map((game, index) => (
        <View
          key={game.key}
          testID={`deleted-game-${index + 1}`}
          style={[styles.game, { backgroundColor: colors.sheet, borderColor: colors.rule }]}
        >
          <View style={styles.words}>
            <AppText kind="strong" numberOfLines={1}>
              {game.title}
            </AppText>
            <AppText kind="small" color={colors.inkSoft}>
              Deleted {ago(game.deletedAt, Date.now())}
            </AppText>
          </View>
          <Button
            label="Bring back"
            testID={`restore-game-${index + 1}`}
            onPress={() => void bringBack(game)}
          />
        </View>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  list: { gap: space.s },
  game: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.m,
    paddingLeft: space.l,
    paddingRight: space.s,
    paddingVertical: space.s,
    borderWidth: 1,
    borderRadius: radius.m,
  },
  words: { flex: 1, minWidth: 0 },
});
