import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { Pressable, StyleSheet, View } from 'react-native';
import { useSafeAreaInsets } from 'react-native-safe-area-context';
import { radius, space, TOUCH, useColors } from '../theme';
import { AppText } from './AppText';

/** A short message at the bottom of the screen, with at most one action. */
export interface Snack {
  message: string;
  action?: { label: string; onPress: () => void; testID?: string };
}

const VISIBLE_FOR_MS = 4_000;
/** How long a message with an action is visible. */
const UNDOABLE_FOR_MS = 10_000;
/** The distance that keeps the button at the screen's lower edge uncovered. */
const ABOVE_FOOTER = TOUCH + space.xxl + space.s;
const SnackbarContext = createContext<(snack: Snack | null) => void>(() => undefined);

/** Shows a message in place of the previous one, for 4 s, or 10 s with an action; null shows none. */
export function useSnackbar(): (snack: Snack | null) => void {
  return useContext(SnackbarContext);
}

/** Draws the messages over the screens below it. */
export function SnackbarProvider({ children }: { children: ReactNode }) {
  const [snack, setSnack] = useState<Snack | null>(null);
  const show = useCallback((next: Snack | null) => setSnack(next), []);
  useEffect(() => {
    if (!snack) return;
    const timer = setTimeout(() => setSnack(null), snack.action ? UNDOABLE_FOR_MS : VISIBLE_FOR_MS);
    return () => clearTimeout(timer);
  }, [snack]);
  const bar = useMemo(() => snack && <Bar snack={snack} onDone={() => setSnack(null)} />, [snack]);
  return (
    <SnackbarContext.Provider value={show}>
      {children}
      <View style={styles.place} pointerEvents="box-none" aria-live="polite">
        {bar}
      </View>
    </SnackbarContext.Provider>
  );
}

function Bar({ snack, onDone }: { snack: Snack; onDone: () => void }) {
  const colors = useColors();
  const insets = useSafeAreaInsets();
  const { action, message } = snack;
  return (
    <View style={[styles.bar, { backgroundColor: colors.ink, marginBottom: insets.bottom + ABOVE_FOOTER }]}>
      <AppText kind="body" color={colors.paper} style={styles.message}>
        {message}
      </AppText>
      {action && (
        <Pressable
          role="button"
          testID={action.testID}
          style={[styles.action, { borderColor: colors.paper }]}
          onPress={() => {
            onDone();
            action.onPress();
          }}
        >
          <AppText kind="strong" color={colors.paper}>
            {action.label}
          </AppText>
        </Pressable>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  place: { position: 'absolute', left: 0, right: 0, bottom: 0, alignItems: 'center' },
  bar: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.l,
    maxWidth: 560,
    marginHorizontal: space.l,
    paddingLeft: space.l,
    paddingRight: space.s,
    paddingVertical: space.xs,
    minHeight: TOUCH + space.s,
    borderRadius: radius.m,
  },
  message: { flexShrink: 1, paddingRight: space.s },
  action: {
    minHeight: TOUCH - space.s,
    minWidth: TOUCH,
    paddingHorizontal: space.m,
    borderWidth: 1,
    borderRadius: radius.s,
    alignItems: 'center',
    justifyContent: 'center',
  },
});
