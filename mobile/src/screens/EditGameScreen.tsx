import { useNavigation, useRoute, type RouteProp } from '@react-navigation/native';
import { GameForm } from '../components/GameForm';
import { useKeyboard } from '../components/keyboard';
import { Screen } from '../components/Screen';
import { useTidemark } from '../components/tidemark-context';
import { updateGame } from '../games/actions';
import { scoresheet } from '../games/scoring';
import { useGame } from '../games/use-live';
import type { Navigation, Routes } from '../navigation/routes';

/** Changes a game's name and target, and its players' names and order. */
export function EditGameScreen() {
  const navigation = useNavigation<Navigation>();
  const { gameId } = useRoute<RouteProp<Routes, 'EditGame'>>().params;
  const { database } = useTidemark();
  const records = useGame(database, gameId);
  const goBack = () => navigation.popTo('Game', { gameId });

  useKeyboard((key) => {
    if (key === 'Escape') goBack();
    return key === 'Escape';
  });

  return (
    <Screen title="Edit game" onBack={goBack}>
      {records && (
        <GameForm
          initial={{
            name: records.game.name ?? '',
            targetScore: records.game.target_score,
            players: scoresheet(records).players,
          }}
          submitLabel="Save changes"
          onSubmit={async (input) => {
            await updateGame(database, gameId, input);
            goBack();
          }}
        />
      )}
    </Screen>
  );
}
