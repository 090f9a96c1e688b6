import { keyOf } from '@tidemark/client';
import { useState } from 'react';
import { FlatList, StyleSheet, View } from 'react-native';
import type { DocumentState } from '../../../src/protocol/documents.js';
import { AppText, Heading } from '../components/AppText';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { useValue } from '../components/tidemark-context';
import { radius, space, useColors } from '../theme';
import { Callout, Refusal } from './Callout';
import type { Documents } from './documents';
import { DocumentRow } from './DocumentRow';
import { NewDocument } from './NewDocument';
import { IDLE } from './view';
import { clock } from './words';

interface Video {
  id: string;
  documents: DocumentState[];
}

/** The account's documents by video; an explanation of documents while there are none. */
export function DocumentsList({
  documents,
  isOffline,
  now,
}: {
  documents: Documents;
  isOffline: boolean;
  /** Epoch ms. */
  now: number;
}) {
  const view = useValue(documents.view);
  const [isMaking, setMaking] = useState(false);
  const newDocument = (
    <Button
      label="New document"
      icon="plus"
      look="primary"
      testID="new-document"
      isDisabled={view.kinds.length === 0}
      onPress={() => setMaking(true)}
    />
  );
  if (!view.documents) return <NotYet documents={documents} isOffline={isOffline} />;
  return (
    <View style={styles.screen} testID="documents">
      <Standing documents={documents} isOffline={isOffline} now={now} />
      {view.documents.length === 0 ? (
        <EmptyState icon="document" title="No documents yet" action={newDocument}>
          A document is a SQLite database that belongs to a video, such as its layout or its captions. It
          comes to be when a video tool saves one for the first time, or when you upload one here.
        </EmptyState>
      ) : (
        <FlatList
          data={byVideo(view.documents)}
          keyExtractor={({ id }) => id}
          extraData={[view, now]}
          contentContainerStyle={styles.list}
          ListHeaderComponent={<View style={styles.head}>{newDocument}</View>}
          renderItem={({ item }) => <VideoCard video={item} documents={documents} now={now} />}
        />
      )}
      <NewDocument documents={documents} isOpen={isMaking} onClose={() => setMaking(false)} />
    </View>
  );
}

/** A message when the list may be out of date. */
function Standing({ documents, isOffline, now }: Parameters<typeof DocumentsList>[0]) {
  const { failure, readAt } = useValue(documents.view);
  const retry = (
    <Button label="Try again" icon="retry" onPress={() => void documents.load()} testID="reload" />
  );
  if (isOffline || failure?.isNoAnswer) {
    const since = readAt === null ? '' : ` This is how they stood at ${clock(readAt, now)}.`;
    return (
      <View style={styles.standing}>
        <Callout tone="warning" title="No connection" isRaised action={retry} testID="offline">
          <AppText kind="small">{`Documents live on the server.${since}`}</AppText>
        </Callout>
      </View>
    );
  }
  if (!failure) return null;
  return (
    <View style={styles.standing}>
      <Refusal failure={failure} isRaised action={retry} />
    </View>
  );
}

/** What is shown until the list has been read for the first time. */
function NotYet({ documents, isOffline }: { documents: Documents; isOffline: boolean }) {
  const colors = useColors();
  const { failure, isLoading } = useValue(documents.view);
  const retry = (
    <Button label="Try again" icon="retry" onPress={() => void documents.load()} testID="reload" />
  );
  // `NOT_SIGNED_IN`: the registration of this device is under way, which needs only the server.
  const isWaiting = isLoading || failure === null || failure.code === 'NOT_SIGNED_IN';
  if (isOffline && !isLoading) {
    return (
      <EmptyState icon="document" title="No connection" action={retry}>
        Documents live on the server. They appear here as soon as it can be reached.
      </EmptyState>
    );
  }
  if (isWaiting) {
    return (
      <View style={styles.loading} role="status">
        <AppText color={colors.inkSoft}>Loading the documents …</AppText>
      </View>
    );
  }
  return (
    <View style={styles.list}>
      <Refusal failure={failure} isRaised action={retry} />
    </View>
  );
}

function VideoCard({ video, documents, now }: { video: Video; documents: Documents; now: number }) {
  const colors = useColors();
  const { activities } = useValue(documents.view);
  return (
    <View
      testID={`video-${video.id}`}
      style={[styles.card, { backgroundColor: colors.sheet, borderColor: colors.rule }]}
    >
      <Heading level={2} selectable style={styles.id}>
        {video.id}
      </Heading>
      {video.documents.map((state) => (
        <View key={keyOf(state)} style={[styles.document, { borderColor: colors.rule }]}>
          <DocumentRow
            documents={documents}
            state={state}
            activity={activities[keyOf(state)] ?? IDLE}
            now={now}
          />
        </View>
      ))}
    </View>
  );
}

function byVideo(documents: DocumentState[]): Video[] {
  const videos: Video[] = [];
  for (const state of documents) {
    const last = videos.at(-1);
    if (last?.id === state.video_id) last.documents.push(state);
    else videos.push({ id: state.video_id, documents: [state] });
  }
  return videos;
}

const styles = StyleSheet.create({
  screen: { flex: 1 },
  list: { padding: space.l, gap: space.l, width: '100%', maxWidth: 960, alignSelf: 'center' },
  head: { flexDirection: 'row' },
  standing: {
    paddingHorizontal: space.l,
    paddingVertical: space.m,
    width: '100%',
    maxWidth: 960,
    alignSelf: 'center',
  },
  loading: { flex: 1, alignItems: 'center', justifyContent: 'center', padding: space.xl },
  card: { borderWidth: 1, borderRadius: radius.m, paddingHorizontal: space.l, paddingTop: space.m },
  id: { paddingBottom: space.s },
  document: { borderTopWidth: 1 },
});
