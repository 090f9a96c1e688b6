import type { ReactNode } from 'react';
import { StyleSheet, View } from 'react-native';
import { space, useColors } from '../theme';
import { AppText, Heading } from './AppText';
import { Icon, type IconName } from './Icon';

/** What a screen shows while it is empty: what belongs here, and what to do. */
export function EmptyState({
  icon,
  title,
  level = 2,
  children,
  action,
}: {
  icon: IconName;
  title: string;
  /** The heading's level: 1 where no heading stands above it. */
  level?: 1 | 2;
  /** One or two sentences. */
  children: string;
  action?: ReactNode;
}) {
  const colors = useColors();
  return (
    <View style={styles.empty}>
      <Icon name={icon} color={colors.accent} size={56} />
      <Heading level={level} kind="heading" style={styles.centered}>
        {title}
      </Heading>
      <AppText color={colors.inkSoft} style={styles.centered}>
        {children}
      </AppText>
      {action}
    </View>
  );
}

const styles = StyleSheet.create({
  empty: {
    flexGrow: 1,
    alignItems: 'center',
    justifyContent: 'center',
    alignSelf: 'center',
    gap: space.l,
    padding: space.xl,
    maxWidth: 420,
  },
  centered: { textAlign: 'center' },
});
