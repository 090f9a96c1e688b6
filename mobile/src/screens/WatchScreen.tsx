import { useEffect, useState } from 'react';
import { ScrollView, StyleSheet, useWindowDimensions, View } from 'react-native';
import { useSafeAreaInsets } from 'react-native-safe-area-context';
import { AppText, Heading } from '../components/AppText';
import { Chart } from '../components/Chart';
import { EmptyState } from '../components/EmptyState';
import { Icon } from '../components/Icon';
import { RoundsTable } from '../components/RoundsTable';
import { Scoreboard } from '../components/Scoreboard';
import type { GameRecords } from '../games/records';
import { scoresheet, titleOf } from '../games/scoring';
import { watchGame, type WatchedGame } from '../games/watch-game';
import { radius, space, TOUCH, TWO_COLUMNS, useColors } from '../theme';

/** A shared game, live and read-only, for anyone with the link. */
export function WatchScreen({ serverUrl, token }: { serverUrl: string; token: string }) {
  const colors = useColors();
  const insets = useSafeAreaInsets();
  const [watched, setWatched] = useState<WatchedGame>({ state: 'connecting', records: null, problem: null });
  useEffect(() => watchGame(serverUrl, token, setWatched), [serverUrl, token]);

  const { state, records, problem } = watched;
  const title = records ? titleOf(records.game, records.players) : 'Scoreboard';
  const isLive = state === 'live';
  return (
    <View style={[styles.screen, { backgroundColor: colors.paper, paddingTop: insets.top }]}>
      <View role="banner" style={[styles.header, { borderColor: colors.rule }]}>
        <Icon name="tide" color={colors.accent} size={28} />
        <Heading level={1} kind="heading" numberOfLines={1} style={styles.title}>
          {title}
        </Heading>
        {state !== 'ended' && (
          <View
            testID="watch-state"
            role="status"
            {...{ dataSet: { state } }}
            style={[styles.state, { borderColor: colors.rule, backgroundColor: colors.sheet }]}
          >
            <View
              style={[styles.dot, { backgroundColor: isLive ? colors.light.green : colors.light.yellow }]}
            />
            <AppText kind="smallStrong">{isLive ? 'Live' : 'Connecting'}</AppText>
          </View>
        )}
      </View>
      <View role="main" style={styles.main}>
        {state === 'ended' ? (
          <EmptyState icon="tide" title="This scoreboard is no longer shared">
            {problem?.code === 'PROTOCOL_MISMATCH'
              ? 'This page is older than the server. Reload it.'
              : 'Whoever shared it took the link back, or deleted the game.'}
          </EmptyState>
        ) : records ? (
          <WatchedContent records={records} />
        ) : (
          <EmptyState icon="tide" title="One moment">
            The scoreboard is on its way.
          </EmptyState>
        )}
      </View>
    </View>
  );
}

function WatchedContent({ records }: { records: GameRecords }) {
  const isWide = useWindowDimensions().width >= TWO_COLUMNS;
  const sheet = scoresheet(records);
  const target = records.game.target_score;
  return (
    <ScrollView contentContainerStyle={[styles.content, isWide && styles.beside]}>
      <View style={isWide && styles.column}>
        <Scoreboard sheet={sheet} target={target} />
      </View>
      {sheet.rounds.length > 0 && (
        <View style={[styles.history, isWide && styles.column]}>
          <Heading level={2}>Totals</Heading>
          <Chart sheet={sheet} target={target} />
          <Heading level={2}>Rounds</Heading>
          <RoundsTable sheet={sheet} />
        </View>
      )}
    </ScrollView>
  );
}

const styles = StyleSheet.create({
  screen: { flex: 1 },
  header: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.m,
    paddingHorizontal: space.l,
    minHeight: TOUCH + space.s,
    borderBottomWidth: 1,
  },
  title: { flex: 1, minWidth: 0 },
  state: {
    flexDirection: 'row',
    alignItems: 'center',
    gap: space.s,
    paddingHorizontal: space.m,
    paddingVertical: space.s,
    borderRadius: radius.round,
    borderWidth: 1,
  },
  dot: { width: 12, height: 12, borderRadius: 6 },
  main: { flex: 1 },
  content: { padding: space.l, gap: space.xl, width: '100%', maxWidth: 1440, alignSelf: 'center' },
  beside: { flexDirection: 'row', alignItems: 'flex-start' },
  column: { flex: 1, minWidth: 0 },
  history: { gap: space.m },
});
