import type { ReactNode } from 'react';
import { Modal, Pressable, ScrollView, StyleSheet, useWindowDimensions, View } from 'react-native';
import { useSafeAreaInsets } from 'react-native-safe-area-context';
import { radius, space, useColors } from '../theme';
import { Heading } from './AppText';
import { Button, IconButton } from './Button';

const BESIDE_FROM_WIDTH = 600;

/**
 * A panel over the screen: at the bottom edge on a phone, in the middle elsewhere. Escape, the back button and a touch
 * outside close it.
 */
export function Dialog({
  title,
  isOpen,
  onClose,
  children,
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  const colors = useColors();
  const insets = useSafeAreaInsets();
  const isNarrow = useWindowDimensions().width < BESIDE_FROM_WIDTH;
  if (!isOpen) return null;
  return (
    <Modal transparent visible onRequestClose={onClose} animationType="none" aria-label={title}>
      <View style={[styles.stage, isNarrow ? styles.atBottom : styles.inMiddle]}>
        <Pressable
          style={[StyleSheet.absoluteFill, { backgroundColor: colors.veil }]}
          onPress={onClose}
          aria-hidden
          tabIndex={-1}
        />
        <View
          style={[
            styles.panel,
            isNarrow ? styles.panelAtBottom : styles.panelInMiddle,
            { backgroundColor: colors.paper, paddingBottom: isNarrow ? insets.bottom : 0 },
          ]}
        >
          <View style={styles.head}>
            <Heading level={2} style={styles.title}>
              {title}
            </Heading>
            <IconButton label="Close" icon="close" onPress={onClose} testID="close" />
          </View>
          <ScrollView contentContainerStyle={styles.content}>{children}</ScrollView>
        </View>
      </View>
    </Modal>
  );
}

/** A dialog with one question and two answers. */
export function ConfirmDialog({
  title,
  isOpen,
  confirmLabel,
  onConfirm,
  onCancel,
  children,
}: {
  title: string;
  isOpen: boolean;
  confirmLabel: string;
  onConfirm: () => void;
  onCancel: () => void;
  children: ReactNode;
}) {
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onCancel}>
      {children}
      <View style={styles.answers}>
        <Button label="Cancel" look="quiet" onPress={onCancel} testID="cancel" />
        <Button label={confirmLabel} look="danger" onPress={onConfirm} testID="confirm" />
      </View>
    </Dialog>
  );
}

const styles = StyleSheet.create({
  stage: { flex: 1 },
  atBottom: { justifyContent: 'flex-end' },
  inMiddle: { justifyContent: 'center', alignItems: 'center', padding: space.xl },
  panel: { maxHeight: '90%', width: '100%' },
  panelAtBottom: { borderTopLeftRadius: radius.l, borderTopRightRadius: radius.l },
  panelInMiddle: { maxWidth: 520, borderRadius: radius.l },
  head: {
    flexDirection: 'row',
    alignItems: 'center',
    paddingLeft: space.xl,
    paddingRight: space.s,
    paddingTop: space.s,
  },
  title: { flex: 1 },
  content: { paddingHorizontal: space.xl, paddingTop: space.s, paddingBottom: space.xl, gap: space.l },
  answers: { flexDirection: 'row', flexWrap: 'wrap', justifyContent: 'flex-end', gap: space.s },
});
