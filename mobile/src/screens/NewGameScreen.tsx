import { useNavigation, useRoute, type RouteProp } from '@react-navigation/native';
import { GameForm } from '../components/GameForm';
import { useKeyboard } from '../components/keyboard';
import { Screen } from '../components/Screen';
import { useTidemark } from '../components/tidemark-context';
import { createGame, type GameInput } from '../games/actions';
import { scoresheet } from '../games/scoring';
import { useGame } from '../games/use-live';
import type { Navigation, Routes } from '../navigation/routes';

const NEW_PLAYER = { id: null, name: '' };
const BLANK: GameInput = { name: '', targetScore: 100, players: [NEW_PLAYER, NEW_PLAYER] };

/** Begins a game; the parameter `from` names an earlier game whose name, target and players are filled in. */
export function NewGameScreen() {
  const navigation = useNavigation<Navigation>();
  const from = useRoute<RouteProp<Routes, 'NewGame'>>().params?.from;
  const { database } = useTidemark();
  const earlier = useGame(database, from ?? '');
  const goBack = () => navigation.popTo('Games');

  useKeyboard((key) => {
    if (key === 'Escape') goBack();
    return key === 'Escape';
  });

  const isReading = earlier === undefined;
  const initial: GameInput = earlier
    ? {
        name: earlier.game.name ?? '',
        targetScore: earlier.game.target_score,
        players: scoresheet(earlier).players.map(({ name }) => ({ id: null, name })),
      }
    : BLANK;
  return (
    <Screen title="New game" onBack={goBack}>
      {!isReading && (
        <GameForm
          initial={initial}
          submitLabel="Start the game"
          onSubmit={async (input) => {
            const gameId = await createGame(database, input);
            navigation.reset({
              index: 1,
              routes: [{ name: 'Games' }, { name: 'Game', params: { gameId } }],
            });
          }}
        />
      )}
    </Screen>
  );
}
