import { useNavigation } from '@react-navigation/native';
import { useState } from 'react';
import { deleteGame } from '../games/actions';
import { restore } from '../games/trash';
import type { Navigation } from '../navigation/routes';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { useTidemark } from './tidemark-context';
import { ShareDialog } from './ShareDialog';
import { useSnackbar } from './Snackbar';
import { messageOf } from './words';

/** The actions on a whole game. */
export function GameMenu({
  gameId,
  title,
  isOpen,
  onClose,
}: {
  gameId: string;
  title: string;
  isOpen: boolean;
  onClose: () => void;
}) {
  const navigation = useNavigation<Navigation>();
  const { database } = useTidemark();
  const showSnack = useSnackbar();
  const [isSharing, setSharing] = useState(false);

  const tellFailure = (failure: unknown) => showSnack({ message: messageOf(failure) });
  const bringBack = (key: string) => restore(database, key).catch(tellFailure);
  const remove = async () => {
    onClose();
    const key = await deleteGame(database, gameId, title);
    navigation.popTo('Games');
    showSnack({
      message: `“${title}” deleted`,
      action: { label: 'Undo', testID: 'undo-delete', onPress: () => void bringBack(key) },
    });
  };

  return (
    <>
      <Dialog title={title} isOpen={isOpen} onClose={onClose}>
        <Button
          label="Edit game and players"
          icon="edit"
          testID="edit-game"
          onPress={() => {
            onClose();
            navigation.navigate('EditGame', { gameId });
          }}
        />
        <Button
          label="Share the scoreboard"
          icon="share"
          testID="share-game"
          onPress={() => {
            onClose();
            setSharing(true);
          }}
        />
        <Button
          label="Delete game"
          icon="trash"
          look="danger"
          testID="delete-game"
          onPress={() => void remove().catch(tellFailure)}
        />
      </Dialog>
      <ShareDialog gameId={gameId} isOpen={isSharing} onClose={() => setSharing(false)} />
    </>
  );
}
