import { keyOf } from '@tidemark/client';
import { useState } from 'react';
import { StyleSheet, useWindowDimensions, View } from 'react-native';
import type { DocumentState } from '../../../src/protocol/documents.js';
import { AppText, Heading } from '../components/AppText';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/Dialog';
import { Icon } from '../components/Icon';
import { radius, space, TWO_COLUMNS, useColors } from '../theme';
import { Callout, Refusal } from './Callout';
import type { Documents } from './documents';
import { chooseFile, saveFrom } from './files';
import { UploadBar } from './UploadBar';
import { Versions } from './Versions';
import type { Activity } from './view';
import {
  callsForALook,
  describeContent,
  describeLock,
  describeLoss,
  describeUpload,
  holderOf,
  holderWords,
  kindName,
  nameOf,
  type Holder,
} from './words';

interface Props {
  documents: Documents;
  state: DocumentState;
  activity: Activity;
  /** Epoch ms. */
  now: number;
}

/** One document: its content, its lock, and the actions on it. */
export function DocumentRow({ documents, state, activity, now }: Props) {
  const isWide = useWindowDimensions().width >= TWO_COLUMNS;
  const { upload, refusal, lost } = activity;
  return (
    <View style={styles.row} testID={`document-${keyOf(state)}`}>
      <View style={isWide ? styles.beside : styles.below}>
        <Facts state={state} sessionId={documents.sessionId} now={now} />
        <Actions documents={documents} state={state} activity={activity} now={now} />
      </View>
      {upload && <UploadBar progress={upload} onCancel={() => documents.cancelUpload(state)} />}
      {lost && (
        <Callout
          tone="warning"
          title={describeLoss(lost, now)}
          onDismiss={() => documents.dismiss(state)}
          testID="lost-lock"
        >
          <AppText kind="small">
            {lost.to === null
              ? 'Lock it again to go on; look first whether it has changed.'
              : 'Nothing can be uploaded from here until you hold it again.'}
          </AppText>
        </Callout>
      )}
      {refusal && (
        <Refusal
          failure={refusal}
          onDismiss={() => documents.dismiss(state)}
          action={
            callsForALook(refusal) && (
              <Button
                label="Look again"
                icon="retry"
                testID="look-again"
                onPress={() => void documents.lookAgain(state)}
              />
            )
          }
        />
      )}
      {state.exists && <Versions state={state} now={now} documents={documents} />}
    </View>
  );
}

function Facts({ state, sessionId, now }: { state: DocumentState; sessionId: string; now: number }) {
  const colors = useColors();
  const uploaded = describeUpload(state, now);
  const lock = describeLock(state, sessionId, now);
  return (
    <View style={styles.facts}>
      <View style={styles.title}>
        <Heading level={3}>{kindName(state.database)}</Heading>
        <Badge holder={holderOf(state, sessionId)} />
      </View>
      <AppText kind="small" color={colors.inkSoft} testID="content">
        {describeContent(state, now)}
      </AppText>
      {uploaded && (
        <View style={styles.uploaded}>
          <View style={[styles.dot, { backgroundColor: colors.light[uploaded.tone] }]} />
          <AppText kind="small" testID="upload-state" style={styles.shrink}>
            {uploaded.text}
          </AppText>
        </View>
      )}
      {lock && (
        <AppText kind="small" testID="lock-state">
          {lock}
        </AppText>
      )}
    </View>
  );
}

function Badge({ holder }: { holder: Holder }) {
  const colors = useColors();
  const isOurs = holder === 'page' || holder === 'person';
  const ink = holder === 'nobody' ? colors.inkSoft : colors.ink;
  return (
    <View
      testID="holder"
      style={[
        styles.badge,
        { borderColor: isOurs ? colors.accent : colors.edge },
        isOurs && { backgroundColor: colors.tide },
      ]}
    >
      {holder !== 'nobody' && <Icon name="lock" color={ink} size={14} />}
      <AppText kind="tiny" color={ink}>
        {holderWords[holder]}
      </AppText>
    </View>
  );
}

function Actions({ documents, state, activity, now }: Props) {
  const isWide = useWindowDimensions().width >= TWO_COLUMNS;
  const [isAsking, setAsking] = useState(false);
  const holder = holderOf(state, documents.sessionId);
  // Narrow buttons on a phone, so that all fit in one row.
  const shape = { about: nameOf(state), style: isWide ? undefined : styles.narrow };

  const replace = async () => {
    if (activity.upload) return;
    const { epoch, server_version, mark } = state; // the version shown when the user opens the file dialog
    const file = await chooseFile();
    if (file) await documents.upload(state, file, { epoch, server_version, mark });
  };
  const download = async () => {
    const url = await documents.downloadUrl(state);
    if (url !== null) saveFrom(url, state);
  };

  return (
    <View style={[styles.actions, isWide && styles.actionsBeside]}>
      {holder !== 'server' && (
        <Button
          {...shape}
          {...lockButton(holder, activity, isWide)}
          isDisabled={activity.upload !== null}
          onPress={() => {
            if (holder === 'nobody') void documents.lock(state);
            else if (holder === 'page') void documents.release(state);
            else setAsking(true);
          }}
        />
      )}
      {state.exists && (
        <Button
          {...shape}
          label={activity.doing === 'downloading' ? 'Preparing …' : 'Download'}
          icon={isWide ? 'download' : undefined}
          testID="download"
          onPress={() => void download()}
        />
      )}
      {(holder === 'nobody' || holder === 'page') && (
        <Button
          {...shape}
          label={activity.upload ? 'Uploading …' : 'Upload'}
          icon={isWide ? 'upload' : undefined}
          testID="upload"
          onPress={() => void replace()}
        />
      )}
      <TakeOver
        state={state}
        isOpen={isAsking && state.lock !== null}
        details={describeLock(state, documents.sessionId, now)}
        onClose={() => setAsking(false)}
        onConfirm={() => void documents.lock(state, true)}
      />
    </View>
  );
}

/** One button for all actions on the lock, so that it keeps the keyboard focus when the action changes. */
function lockButton(holder: Holder, { doing }: Activity, hasIcon: boolean) {
  const lock = hasIcon ? ('lock' as const) : undefined;
  switch (holder) {
    case 'nobody':
      return { label: doing === 'locking' ? 'Locking …' : 'Lock', icon: lock, testID: 'lock' };
    case 'page':
      return { label: doing === 'releasing' ? 'Releasing …' : 'Release', icon: lock, testID: 'release' };
    default:
      return { label: 'Take over', icon: lock, testID: 'take-over', look: 'danger' as const };
  }
}

function TakeOver({
  state,
  isOpen,
  details,
  onClose,
  onConfirm,
}: {
  state: DocumentState;
  isOpen: boolean;
  /** Who holds the lock and since when; null: nobody. */
  details: string | null;
  onClose: () => void;
  onConfirm: () => void;
}) {
  const name = state.lock?.holder.name ?? '';
  const loser = state.lock?.mine ? `Your other page (${name})` : name;
  return (
    <ConfirmDialog
      title={`Take over the ${nameOf(state)}?`}
      isOpen={isOpen}
      confirmLabel="Take over"
      onCancel={onClose}
      onConfirm={() => {
        onClose();
        onConfirm();
      }}
    >
      <AppText>{details}</AppText>
      <AppText>
        {`${loser} loses the lock at once and is told so. What has not been uploaded from there stays there, and can be uploaded only under the lock again.`}
      </AppText>
    </ConfirmDialog>
  );
}

const styles = StyleSheet.create({
  row: { gap: space.s, paddingVertical: space.m },
  beside: { flexDirection: 'row', gap: space.xl, alignItems: 'flex-start' },
  below: { gap: space.m },
  facts: { flexGrow: 1, flexShrink: 1, minWidth: 0, gap: space.xs },
  title: { flexDirection: 'row', flexWrap: 'wrap', alignItems: 'center', gap: space.s },
  badge: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.xs,
    borderWidth: 1,
    borderRadius: radius.round,
    paddingHorizontal: space.s,
    paddingVertical: 2,
  },
  uploaded: { flexDirection: 'row', gap: space.s, alignItems: 'flex-start' },
  dot: { width: 10, height: 10, borderRadius: 5, marginTop: 5 },
  shrink: { flexShrink: 1 },
  actions: { flexDirection: 'row', flexWrap: 'wrap', gap: space.s },
  narrow: { flexGrow: 1, paddingHorizontal: space.m },
  actionsBeside: { flexShrink: 0, justifyContent: 'flex-end' },
});
