import { useCallback, useEffect, useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { KEPT_FOR_DAYS, listDeleted, restore, type Deleted } from '../games/trash';
import { radius, space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { useTidemark } from './tidemark-context';
import { useSnackbar } from './Snackbar';
import { ago, messageOf } from './words';

/** The games and rounds deleted on this device that can be restored. */
export function RecentlyDeleted() {
  const colors = useColors();
  const { database } = useTidemark();
  const showSnack = useSnackbar();
  const [deleted, setDeleted] = useState<Deleted[]>();
  const load = useCallback(async () => setDeleted(await listDeleted(database)), [database]);
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
        Nothing. What is deleted on this device can be brought back here for {KEPT_FOR_DAYS} days.
      </AppText>
    );
  }
  return (
    <View style={styles.list}>
      {deleted?.map((thing, index) => (
        <View
          key={thing.key}
          testID={`deleted-${index + 1}`}
          style={[styles.row, { backgroundColor: colors.sheet, borderColor: colors.rule }]}
        >
          <View style={styles.words}>
            <AppText kind="strong" numberOfLines={1}>
              {thing.title}
            </AppText>
            <AppText kind="small" color={colors.inkSoft}>
              Deleted {ago(thing.deletedAt, Date.now())}
            </AppText>
          </View>
          <Button label="Bring back" testID={`restore-${index + 1}`} onPress={() => void bringBack(thing)} />
        </View>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  list: { gap: space.s },
  row: {
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
