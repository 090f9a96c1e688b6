import type { ReactNode } from 'react';
import { StyleSheet, View } from 'react-native';
import { AppText } from '../components/AppText';
import { IconButton } from '../components/Button';
import { radius, space, useColors } from '../theme';
import { explain } from './words';

/** A message about a document; screen readers read it aloud when it appears. */
export function Callout({
  tone,
  title,
  isRaised = false,
  children,
  action,
  onDismiss,
  testID,
}: {
  tone: 'danger' | 'warning';
  title: string;
  /** Whether it lies directly on the screen's background, not on a card. */
  isRaised?: boolean;
  children?: ReactNode;
  action?: ReactNode;
  /** Absent: it cannot be dismissed. */
  onDismiss?: () => void;
  testID?: string;
}) {
  const colors = useColors();
  const edge = tone === 'danger' ? colors.danger : colors.light.amber;
  return (
    <View
      role="alert"
      testID={testID}
      style={[styles.callout, { borderColor: edge, backgroundColor: isRaised ? colors.sheet : colors.paper }]}
    >
      <View style={styles.words}>
        <AppText kind="strong">{title}</AppText>
        {children}
        {action && <View style={styles.action}>{action}</View>}
      </View>
      {onDismiss && <IconButton label="Dismiss" icon="close" onPress={onDismiss} testID="dismiss" />}
    </View>
  );
}

/** Shows a failure: its kind, what happened, and what to do. */
export function Refusal({
  failure,
  isRaised,
  action,
  onDismiss,
}: {
  failure: unknown;
  isRaised?: boolean;
  action?: ReactNode;
  onDismiss?: () => void;
}) {
  const colors = useColors();
  const { title, message, hint } = explain(failure);
  return (
    <Callout
      tone="danger"
      title={title}
      isRaised={isRaised}
      action={action}
      onDismiss={onDismiss}
      testID="refusal"
    >
      <AppText kind="small">{message}</AppText>
      <AppText kind="small" color={colors.inkSoft}>
        {hint}
      </AppText>
    </Callout>
  );
}

const styles = StyleSheet.create({
  callout: {
    flexDirection: 'row',
    alignItems: 'flex-start',
    borderLeftWidth: 4,
    borderRadius: radius.s,
    paddingLeft: space.m,
  },
  words: { flex: 1, minWidth: 0, gap: space.xs, paddingVertical: space.m, paddingRight: space.s },
  action: { flexDirection: 'row', paddingTop: space.xs },
});
