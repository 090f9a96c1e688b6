import { useNavigation } from '@react-navigation/native';
import { useState } from 'react';
import { Pressable, StyleSheet, useWindowDimensions, View } from 'react-native';
import type { Navigation } from '../navigation/routes';
import { radius, space, TOUCH, useColors } from '../theme';
import { AppText } from './AppText';
import { useSyncStatus } from './tidemark-context';
import { SyncDetails } from './SyncDetails';
import { describeState, stateWords } from './words';

/** On narrower screens there is no room for the word. */
const CRAMPED = 360;

/** The light in every header: a colored dot, a word, and the number of waiting changes. A touch opens the details. */
export function StatusLight() {
  const colors = useColors();
  const navigation = useNavigation<Navigation>();
  const status = useSyncStatus();
  const [isOpen, setOpen] = useState(false);
  const isCramped = useWindowDimensions().width < CRAMPED;
  // The label contains exactly the visible text, spaces included, because voice control matches what the user reads.
  const word = status.pending > 0 ? `${stateWords[status.state]} ` : stateWords[status.state];
  return (
    <>
      <Pressable
        role="button"
        testID="light"
        {...{ dataSet: { state: status.state } }}
        aria-label={`Sync: ${word}${status.pending || ''}. ${describeState(status)}`}
        onPress={() => setOpen(true)}
        style={[styles.light, { borderColor: colors.rule, backgroundColor: colors.sheet }]}
      >
        <View style={styles.content} aria-hidden>
          <View style={[styles.dot, { backgroundColor: colors.light[status.light] }]} />
          {!isCramped && (
            <AppText kind="smallStrong" numberOfLines={1}>
              {word}
            </AppText>
          )}
          {status.pending > 0 && (
            <View style={[styles.pending, { backgroundColor: colors.tide }]}>
              <AppText kind="tiny" testID="light-pending">
                {status.pending}
              </AppText>
            </View>
          )}
        </View>
      </Pressable>
      <SyncDetails
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        onJoin={() => {
          setOpen(false);
          navigation.navigate('Join');
        }}
      />
    </>
  );
}

const styles = StyleSheet.create({
  light: {
    minHeight: TOUCH,
    justifyContent: 'center',
    paddingHorizontal: space.m,
    borderRadius: radius.round,
    borderWidth: 1,
  },
  content: { flexDirection: 'row', alignItems: 'center', gap: space.s },
  dot: { width: 12, height: 12, borderRadius: 6 },
  pending: { minWidth: 20, paddingHorizontal: 6, paddingVertical: 2, borderRadius: 10, alignItems: 'center' },
});
