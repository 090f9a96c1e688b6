import { versionTag, versionText } from '@tidemark/client';
import { useEffect, useState } from 'react';
import { Pressable, StyleSheet, View } from 'react-native';
import type { DocumentState, StoredVersion } from '../../../src/protocol/documents.js';
import { AppText } from '../components/AppText';
import { Icon } from '../components/Icon';
import { ago, size } from '../components/words';
import { radius, space, TOUCH, useColors } from '../theme';
import { Refusal } from './Callout';
import type { Documents } from './documents';
import { nameOf } from './words';

const SHOWN_OF_SHA256 = 12;

/** The versions of a document in object storage, read when the user asks for them. */
export function Versions({
  state,
  now,
  documents,
}: {
  state: DocumentState;
  /** Epoch ms. */
  now: number;
  documents: Documents;
}) {
  const colors = useColors();
  const [isOpen, setOpen] = useState(false);
  return (
    <View>
      <Pressable
        role="button"
        aria-expanded={isOpen}
        aria-label={`Uploaded versions: ${nameOf(state)}`}
        testID="versions"
        onPress={() => setOpen(!isOpen)}
        style={styles.toggle}
      >
        <Icon name={isOpen ? 'up' : 'down'} color={colors.accent} size={20} />
        <AppText kind="strong" color={colors.accent}>
          Uploaded versions
        </AppText>
      </Pressable>
      {isOpen && <Listed state={state} now={now} documents={documents} />}
    </View>
  );
}

function Listed({ state, now, documents }: Parameters<typeof Versions>[0]) {
  const colors = useColors();
  const [versions, setVersions] = useState<StoredVersion[]>();
  const [failure, setFailure] = useState<unknown>();
  const { video_id, database } = state;
  // In the effect's dependencies, so that the versions are read again whenever another one was uploaded.
  const stored = state.stored_version ? versionTag(state.stored_version) : null;

  useEffect(() => {
    let isCurrent = true;
    documents.versions({ video_id, database }).then(
      (loaded) => {
        if (!isCurrent) return;
        setVersions(loaded);
        setFailure(undefined);
      },
      (thrown: unknown) => isCurrent && setFailure(thrown),
    );
    return () => {
      isCurrent = false;
    };
  }, [documents, video_id, database, stored]);

  if (failure !== undefined) return <Refusal failure={failure} />;
  if (!versions) return <AppText color={colors.inkSoft}>Loading …</AppText>;
  if (versions.length === 0) {
    return (
      <AppText color={colors.inkSoft}>None yet: it is uploaded a few minutes after it has changed.</AppText>
    );
  }
  return (
    <View role="list">
      {versions.map((version) => (
        <View
          key={versionTag(version)}
          role="listitem"
          testID="version"
          style={[styles.version, { borderColor: colors.rule }]}
        >
          <AppText kind="smallStrong">{versionText(version)}</AppText>
          <AppText kind="small" color={colors.inkSoft}>
            {`${size(version.size_bytes)} gzipped · uploaded ${ago(version.uploaded_at, now)}`}
          </AppText>
          <AppText kind="small" color={colors.inkSoft} selectable>
            {`sha256 ${version.sha256.slice(0, SHOWN_OF_SHA256)}…`}
          </AppText>
        </View>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  toggle: {
    minHeight: TOUCH,
    flexDirection: 'row',
    alignItems: 'center',
    alignSelf: 'flex-start',
    gap: space.s,
    paddingRight: space.m,
    borderRadius: radius.m,
  },
  version: {
    flexDirection: 'row',
    flexWrap: 'wrap',
    columnGap: space.m,
    paddingVertical: space.s,
    borderTopWidth: 1,
  },
});
