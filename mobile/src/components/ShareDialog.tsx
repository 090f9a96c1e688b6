import { setStringAsync } from 'expo-clipboard';
import { useCallback, useEffect, useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { forgetShareLink, keepShareLink, readShareLinks } from '../games/share-links';
import { space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { QrCode } from './QrCode';
import { createShare, listShares, withdrawShare } from '../games/shares';
import { useTidemark } from './tidemark-context';
import { messageOf } from './words';

interface Share {
  shareId: string;
  /** Null: the link was made on another device, which alone knows it. */
  url: string | null;
}

/** The dialog that makes and withdraws links with which anyone can watch the game. */
export function ShareDialog({
  gameId,
  isOpen,
  onClose,
}: {
  gameId: string;
  isOpen: boolean;
  onClose: () => void;
}) {
  return (
    <Dialog title="Share the scoreboard" isOpen={isOpen} onClose={onClose}>
      <Shares gameId={gameId} />
    </Dialog>
  );
}

function Shares({ gameId }: { gameId: string }) {
  const colors = useColors();
  const tidemark = useTidemark();
  const { database } = tidemark;
  const [shares, setShares] = useState<Share[]>();
  const [error, setError] = useState<string>();
  const [isCopied, setCopied] = useState(false);

  const attempt = useCallback(async (work: () => Promise<Share[]>) => {
    setError(undefined);
    try {
      setShares(await work());
    } catch (failure) {
      setError(messageOf(failure));
    }
  }, []);

  const create = useCallback(async (): Promise<Share> => {
    const made = await createShare(tidemark.api, gameId);
    await keepShareLink(database, made.shareId, made.url);
    return made;
  }, [database, gameId, tidemark]);

  useEffect(() => {
    void attempt(async () => {
      const links = await readShareLinks(database);
      const listed = await listShares(tidemark.api, gameId);
      const known = listed.map(({ shareId }): Share => ({ shareId, url: links[shareId] ?? null }));
      return known.some((share) => share.url) ? known : [...known, await create()];
    });
  }, [attempt, create, database, gameId, tidemark]);

  const withdraw = (shareId: string) =>
    attempt(async () => {
      await withdrawShare(tidemark.api, shareId);
      await forgetShareLink(database, shareId);
      return (shares ?? []).filter((share) => share.shareId !== shareId);
    });

  const url = shares?.find((share) => share.url)?.url;
  return (
    <View style={styles.shares}>
      <AppText>
        Anyone with the link can watch this game live in a browser, without an account. They see names and
        points, and can change nothing.
      </AppText>
      {error !== undefined && (
        <AppText color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
      {!shares && error === undefined && <AppText color={colors.inkSoft}>Making a link…</AppText>}
      {url && (
        <>
          <QrCode text={url} label="The link as a QR code" />
          <AppText selectable kind="small" testID="share-url">
            {url}
          </AppText>
          <Button
            label={isCopied ? 'Copied' : 'Copy the link'}
            look="primary"
            onPress={() => void setStringAsync(url).then(() => setCopied(true))}
          />
        </>
      )}
      {shares && !url && (
        <Button
          label="Make a link"
          look="primary"
          testID="make-share"
          onPress={() => void attempt(async () => [...shares, await create()])}
        />
      )}
      {shares?.map((share) => (
        <Button
          key={share.shareId}
          label={share.url ? 'Withdraw the link' : 'Withdraw a link made on another device'}
          look="danger"
          testID="withdraw-share"
          onPress={() => void withdraw(share.shareId)}
        />
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  shares: { gap: space.l },
});
