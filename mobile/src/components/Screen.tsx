import { useIsFocused } from '@react-navigation/native';
import type { ReactNode } from 'react';
import { StyleSheet, View } from 'react-native';
import { useSafeAreaInsets } from 'react-native-safe-area-context';
import { space, TOUCH, useColors } from '../theme';
import { Heading } from './AppText';
import { IconButton } from './Button';
import { Icon } from './Icon';
import { Notices } from './Notices';
import { ProgressBar } from './ProgressBar';
import { useSyncStatus } from './tidemark-context';
import { StatusLight } from './StatusLight';

/** The frame of every screen: a header with title and status light, then notices and the content. */
export function Screen({
  title,
  onBack,
  actions,
  children,
}: {
  title: string;
  /** Absent: no back button. */
  onBack?: () => void;
  /** Buttons at the end of the header. */
  actions?: ReactNode;
  children: ReactNode;
}) {
  const colors = useColors();
  const insets = useSafeAreaInsets();
  // Screens lower in the stack stay mounted; only the visible one may show a status light.
  const isFocused = useIsFocused();
  return (
    <View
      style={[
        styles.screen,
        {
          backgroundColor: colors.paper,
          paddingTop: insets.top,
          paddingLeft: insets.left,
          paddingRight: insets.right,
        },
      ]}
    >
      <View role="banner" style={[styles.header, { borderColor: colors.rule }]}>
        {onBack ? (
          <IconButton label="Back" icon="back" onPress={onBack} testID="back" />
        ) : (
          <View style={styles.logo}>
            <Icon name="tide" color={colors.accent} size={28} />
          </View>
        )}
        <Heading level={1} kind="heading" numberOfLines={1} style={styles.title}>
          {title}
        </Heading>
        {isFocused && <StatusLight />}
        {actions}
      </View>
      {isFocused && <Progress />}
      {isFocused && <Notices />}
      <View role="main" style={styles.main}>
        {children}
      </View>
    </View>
  );
}

function Progress() {
  const { progress } = useSyncStatus();
  if (!progress) return null;
  return (
    <View style={styles.progress}>
      <ProgressBar progress={progress} />
    </View>
  );
}

const styles = StyleSheet.create({
  screen: { flex: 1 },
  header: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.xs,
    paddingHorizontal: space.s,
    minHeight: TOUCH + space.s,
    borderBottomWidth: 1,
  },
  logo: { width: TOUCH, alignItems: 'center' },
  title: { flex: 1, minWidth: 0 },
  progress: { paddingHorizontal: space.l, paddingTop: space.s },
  main: { flex: 1 },
});
