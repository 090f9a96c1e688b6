import { keyOf } from '@tidemark/client';
import { useState } from 'react';
import { Pressable, StyleSheet, View } from 'react-native';
import { VIDEO_ID_PATTERN } from '../../../src/protocol/documents.js';
import { AppText } from '../components/AppText';
import { Button } from '../components/Button';
import { Dialog } from '../components/Dialog';
import { Field } from '../components/Field';
import { useValue } from '../components/tidemark-context';
import { radius, space, TOUCH, useColors } from '../theme';
import { Refusal } from './Callout';
import type { Documents } from './documents';
import { chooseFile } from './files';
import { UploadBar } from './UploadBar';
import { kindName } from './words';

const NO_CONTENT = { epoch: 0, server_version: 0 };
const MAX_VIDEO_ID = 64;

/** The dialog that makes a document from a file; asks for the video, the kind and the file. */
export function NewDocument({
  documents,
  isOpen,
  onClose,
}: {
  documents: Documents;
  isOpen: boolean;
  onClose: () => void;
}) {
  return isOpen ? <Form documents={documents} onClose={onClose} /> : null;
}

function Form({ documents, onClose }: { documents: Documents; onClose: () => void }) {
  const view = useValue(documents.view);
  const [videoId, setVideoId] = useState('');
  const [kind, setKind] = useState(view.kinds[0] ?? '');
  const [error, setError] = useState<string>();
  const ref = { video_id: videoId.trim(), database: kind };
  const activity = view.activities[keyOf(ref)];
  const isUploading = Boolean(activity?.upload);

  const faultOf = (): string | undefined => {
    if (!VIDEO_ID_PATTERN.test(ref.video_id)) return 'An id has 1 to 64 letters, digits, - and _.';
    const isThere = view.documents?.some((state) => state.exists && keyOf(state) === keyOf(ref));
    return isThere ? `This video has a ${kind} already; upload to it in the list.` : undefined;
  };
  const upload = async () => {
    const fault = faultOf();
    setError(fault);
    if (fault !== undefined) return;
    const file = await chooseFile();
    if (file && (await documents.upload(ref, file, NO_CONTENT))) onClose();
  };
  const close = () => {
    documents.cancelUpload(ref);
    documents.dismiss(ref);
    onClose();
  };

  return (
    <Dialog title="New document" isOpen onClose={close}>
      <AppText>The file becomes the first content; the document is there as soon as it is uploaded.</AppText>
      <Field
        label="Video id"
        value={videoId}
        onChangeText={(text) => {
          setVideoId(text);
          setError(undefined);
        }}
        error={error}
        maxLength={MAX_VIDEO_ID}
        autoCapitalize="none"
        autoCorrect={false}
        readOnly={isUploading}
        testID="video-id"
      />
      <Kinds kinds={view.kinds} chosen={kind} onChoose={setKind} isDisabled={isUploading} />
      {activity?.refusal && <Refusal failure={activity.refusal} isRaised />}
      {activity?.upload ? (
        <UploadBar progress={activity.upload} onCancel={() => documents.cancelUpload(ref)} />
      ) : (
        <Button
          label="Choose a file and upload it"
          icon="upload"
          look="primary"
          testID="choose-file"
          isDisabled={videoId.trim() === '' || kind === ''}
          onPress={() => void upload()}
        />
      )}
      <AppText kind="small">A SQLite database (.db, .sqlite), gzipped (.gz) or not.</AppText>
    </Dialog>
  );
}

function Kinds({
  kinds,
  chosen,
  onChoose,
  isDisabled,
}: {
  kinds: string[];
  chosen: string;
  onChoose: (kind: string) => void;
  isDisabled: boolean;
}) {
  const colors = useColors();
  return (
    <View role="radiogroup" aria-label="Kind" style={styles.group}>
      <AppText kind="smallStrong" color={colors.inkSoft} aria-hidden>
        Kind
      </AppText>
      <View style={styles.kinds}>
        {kinds.map((kind) => (
          <Pressable
            key={kind}
            role="radio"
            aria-checked={kind === chosen}
            disabled={isDisabled}
            testID={`kind-${kind}`}
            onPress={() => onChoose(kind)}
            style={[
              styles.kind,
              { borderColor: kind === chosen ? colors.accent : colors.edge, backgroundColor: colors.sheet },
              kind === chosen && { backgroundColor: colors.tide },
            ]}
          >
            <View style={[styles.ring, { borderColor: kind === chosen ? colors.accent : colors.edge }]}>
              {kind === chosen && <View style={[styles.dot, { backgroundColor: colors.accent }]} />}
            </View>
            <AppText>{kindName(kind)}</AppText>
          </Pressable>
        ))}
      </View>
    </View>
  );
}

const styles = StyleSheet.create({
  group: { gap: space.xs },
  kinds: { flexDirection: 'row', flexWrap: 'wrap', gap: space.s },
  kind: {
    minHeight: TOUCH,
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.s,
    paddingHorizontal: space.l,
    borderWidth: 1,
    borderRadius: radius.m,
  },
  ring: {
    width: 20,
    height: 20,
    borderRadius: 10,
    borderWidth: 2,
    alignItems: 'center',
    justifyContent: 'center',
  },
  dot: { width: 10, height: 10, borderRadius: 5 },
});
