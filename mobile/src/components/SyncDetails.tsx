import { StyleSheet, View } from 'react-native';
import { radius, space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { explain } from './reasons';
import { RecoveryChoices } from './RecoveryChoices';
import { RefusedEntries } from './RefusedEntries';
import { useTidemark, useSyncStatus } from './tidemark-context';
import { ago, count, describeProgress, describeState, duration } from './words';
import { useNow } from './use-now';

const TICK_MS = 1000;

/** The details of syncing, with the actions that the user can take. */
export function SyncDetails({
  isOpen,
  onClose,
  onJoin,
}: {
  isOpen: boolean;
  onClose: () => void;
  /** Opens the screen where another device's pairing code is entered. */
  onJoin: () => void;
}) {
  return (
    <Dialog title="Sync" isOpen={isOpen} onClose={onClose}>
      <Details onJoin={onJoin} />
    </Dialog>
  );
}

function Details({ onJoin }: { onJoin: () => void }) {
  const colors = useColors();
  const tidemark = useTidemark();
  const status = useSyncStatus();
  const now = useNow(TICK_MS);
  const retry = (): void => void tidemark.sync().catch(() => undefined); // the status shows why it failed
  const waitSeconds = status.nextTryAt === null ? 0 : (status.nextTryAt - now) / 1000;
  return (
    <View style={styles.details} testID="sync-details">
      <View style={styles.sentence}>
        <View style={[styles.dot, { backgroundColor: colors.light[status.light] }]} />
        <AppText style={styles.grow} aria-live="polite">
          {describeState(status)}
        </AppText>
      </View>
      {status.reason && (
        <View style={[styles.reason, { borderColor: colors.danger, backgroundColor: colors.sheet }]}>
          <AppText kind="strong">{explain(status.reason).message}</AppText>
          <AppText kind="small" color={colors.inkSoft}>
            {explain(status.reason).hint}
          </AppText>
        </View>
      )}
      <Fact
        label="Waiting to be sent"
        value={status.pending === 0 ? 'Nothing' : count(status.pending, 'change')}
      />
      <Fact
        label="Last synced"
        value={status.lastSyncedAt === null ? 'Not yet' : ago(status.lastSyncedAt, now)}
      />
      {status.progress && <Fact label="Under way" value={describeProgress(status.progress)} />}
      {waitSeconds > 0 && <Fact label="Next try" value={`in ${duration(waitSeconds)}`} />}
      {status.refused.length > 0 && <RefusedEntries refused={status.refused} />}
      {status.state === 'incompatible' && status.reason && (
        <RecoveryChoices code={status.reason.code} pending={status.pending} onJoin={onJoin} />
      )}
      <Button label="Try now" icon="retry" onPress={retry} testID="retry" />
    </View>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  const colors = useColors();
  return (
    <View style={[styles.fact, { borderColor: colors.rule }]}>
      <AppText color={colors.inkSoft}>{label}</AppText>
      <AppText kind="strong" style={styles.value}>
        {value}
      </AppText>
    </View>
  );
}

const styles = StyleSheet.create({
  details: { gap: space.m },
  sentence: { flexDirection: 'row', gap: space.m, alignItems: 'flex-start' },
  dot: { width: 16, height: 16, borderRadius: 8, marginTop: space.xs },
  grow: { flex: 1 },
  reason: { borderLeftWidth: 4, borderRadius: radius.s, padding: space.m, gap: space.xs },
  fact: {
    flexDirection: 'row',
    justifyContent: 'space-between',
    gap: space.l,
    paddingVertical: space.s,
    borderBottomWidth: 1,
  },
  value: { flexShrink: 1, textAlign: 'right' },
});
