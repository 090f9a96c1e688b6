import { useNavigation, useRoute, type RouteProp } from '@react-navigation/native';
import { useEffect, useState, type ReactNode } from 'react';
import { ScrollView, StyleSheet, useWindowDimensions, View } from 'react-native';
import { useSafeAreaInsets } from 'react-native-safe-area-context';
import { Heading } from '../components/AppText';
import { Button, IconButton } from '../components/Button';
import { Chart } from '../components/Chart';
import { EmptyState } from '../components/EmptyState';
import { GameMenu } from '../components/GameMenu';
import { useKeyboard } from '../components/keyboard';
import { ListPane } from '../components/ListPane';
import { RoundsTable } from '../components/RoundsTable';
import { Scoreboard } from '../components/Scoreboard';
import { Screen } from '../components/Screen';
import { useTidemark } from '../components/tidemark-context';
import type { GameRecords } from '../games/records';
import { scoresheet, titleOf } from '../games/scoring';
import { useGame } from '../games/use-live';
import type { Navigation, Routes } from '../navigation/routes';
import { space, THREE_COLUMNS, TWO_COLUMNS, useColors } from '../theme';

/** One game: its scoreboard, the chart, every round, and the button that adds one. */
export function GameScreen() {
  const navigation = useNavigation<Navigation>();
  const { gameId } = useRoute<RouteProp<Routes, 'Game'>>().params;
  const { width } = useWindowDimensions();
  const { database } = useTidemark();
  const records = useGame(database, gameId);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const title = records ? titleOf(records.game, records.players) : records === null ? 'Game' : '';
  const goBack = () => navigation.popTo('Games');

  useEffect(() => navigation.setOptions({ title }), [navigation, title]);
  useKeyboard((key) => {
    if (key === 'Escape') goBack();
    else if (key === 'Enter' && records && !scoresheet(records).winner)
      navigation.navigate('Round', { gameId, round: 'new' });
    else return false;
    return true;
  });

  return (
    <Screen
      title={title}
      onBack={goBack}
      actions={
        records && (
          <IconButton label="Game menu" icon="more" testID="game-menu" onPress={() => setMenuOpen(true)} />
        )
      }
    >
      <View style={styles.columns}>
        {width >= THREE_COLUMNS && <ListPane selectedId={gameId} />}
        {records && <GameContent records={records} />}
        {records === null && (
          <EmptyState
            icon="tide"
            title="This game is not here"
            action={<Button label="All games" onPress={goBack} />}
          >
            It was deleted, or it has not reached this device yet.
          </EmptyState>
        )}
      </View>
      {records && (
        <GameMenu gameId={gameId} title={title} isOpen={isMenuOpen} onClose={() => setMenuOpen(false)} />
      )}
    </Screen>
  );
}

function GameContent({ records }: { records: GameRecords }) {
  const navigation = useNavigation<Navigation>();
  const { width } = useWindowDimensions();
  const { game } = records;
  const sheet = scoresheet(records);
  const target = game.target_score;
  const hasRounds = sheet.rounds.length > 0;

  const scoreboard = <Scoreboard sheet={sheet} target={target} />;
  const history = hasRounds ? (
    <View style={styles.history}>
      <Heading level={2}>Totals</Heading>
      <Chart sheet={sheet} target={target} />
      <Heading level={2}>Rounds</Heading>
      <RoundsTable
        sheet={sheet}
        onEdit={(round) => navigation.navigate('Round', { gameId: game.id, round })}
      />
    </View>
  ) : (
    <EmptyState icon="edit" title="No rounds yet">
      Play the first round, then add what everyone got.
    </EmptyState>
  );
  const next = sheet.winner ? (
    <Button
      label="Play again"
      icon="plus"
      look="primary"
      testID="play-again"
      onPress={() => navigation.navigate('NewGame', { from: game.id })}
    />
  ) : (
    <Button
      label={`Add round ${sheet.rounds.length + 1}`}
      icon="plus"
      look="primary"
      testID="add-round"
      onPress={() => navigation.navigate('Round', { gameId: game.id, round: 'new' })}
    />
  );

  if (width < TWO_COLUMNS) {
    return (
      <View style={styles.grow}>
        <ScrollView contentContainerStyle={styles.content}>
          {scoreboard}
          {history}
        </ScrollView>
        <Footer>{next}</Footer>
      </View>
    );
  }
  return (
    <View style={[styles.columns, styles.grow]}>
      <View style={styles.grow}>
        <ScrollView contentContainerStyle={styles.content}>{scoreboard}</ScrollView>
        <Footer>{next}</Footer>
      </View>
      <ScrollView style={styles.grow} contentContainerStyle={styles.content}>
        {history}
      </ScrollView>
    </View>
  );
}

function Footer({ children }: { children: ReactNode }) {
  const colors = useColors();
  const insets = useSafeAreaInsets();
  return (
    <View
      style={[
        styles.footer,
        { borderColor: colors.rule, backgroundColor: colors.paper, paddingBottom: insets.bottom + space.m },
      ]}
    >
      {children}
    </View>
  );
}

const styles = StyleSheet.create({
  columns: { flex: 1, flexDirection: 'row' },
  grow: { flex: 1, minWidth: 0 },
  content: { padding: space.l, gap: space.xl, flexGrow: 1 },
  history: { gap: space.m },
  footer: { paddingHorizontal: space.l, paddingTop: space.m, borderTopWidth: 1 },
});
