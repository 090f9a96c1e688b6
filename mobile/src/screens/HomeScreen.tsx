import { Mutex, type Tidemark } from '@tidemark/client';
import { useEffect, useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { Icon } from '../components/Icon';
import { TidemarkProvider, useValue } from '../components/tidemark-context';
import { claimDatabase } from '../database/claim-database';
import type { DatabaseClaim } from '../database/claim';
import { tendTrash } from '../games/trash';
import { Navigator } from '../navigation/Navigator';
import { closeTidemark, openTidemark } from '../session/open-tidemark';
import { useColors } from '../theme';
import { ElsewhereScreen } from './ElsewhereScreen';
import { FailedScreen } from './FailedScreen';

type Opening = { tidemark: Tidemark } | { failure: unknown } | null;

/** The app with the user's own games: claims the database, opens it, and shows the screens. */
export function HomeScreen() {
  const [claim, setClaim] = useState<DatabaseClaim>();
  const [opening, setOpening] = useState<Opening>(null);

  useEffect(() => {
    let isOpen = false;
    // Opening and closing run one after the other, so a client that is opening when the claim is lost is closed too.
    const mutex = new Mutex();
    const close = async () => {
      isOpen = false;
      await closeTidemark();
    };
    const made = claimDatabase(() => {
      setOpening(null);
      return mutex.run(close);
    });
    const openIfOwned = async () => {
      if (made.state.get() !== 'owned' || isOpen) return;
      try {
        const tidemark = await openTidemark();
        isOpen = true;
        if (made.state.get() === 'owned') setOpening({ tidemark });
      } catch (failure) {
        setOpening({ failure });
      }
    };
    setClaim(made);
    void mutex.run(openIfOwned);
    return made.state.subscribe(() => void mutex.run(openIfOwned));
  }, []);

  return claim ? <Claimed claim={claim} opening={opening} /> : <Waiting />;
}

function Claimed({ claim, opening }: { claim: DatabaseClaim; opening: Opening }) {
  const state = useValue(claim.state);
  if (state === 'elsewhere') return <ElsewhereScreen onUseHere={() => claim.useHere()} />;
  if (state === 'waiting' || !opening) return <Waiting />;
  if ('failure' in opening) return <FailedScreen failure={opening.failure} />;
  return (
    <TidemarkProvider value={opening.tidemark}>
      <Caretaker tidemark={opening.tidemark} />
      <Navigator />
    </TidemarkProvider>
  );
}

/** Runs `tendTrash` whenever no change waits to be sent. */
function Caretaker({ tidemark }: { tidemark: Tidemark }) {
  const { state, pending } = useValue(tidemark.status);
  const isSettled = pending === 0 && (state === 'synced' || state === 'attention');
  useEffect(() => {
    if (isSettled) void tendTrash(tidemark.database);
  }, [tidemark, isSettled]);
  return null;
}

function Waiting() {
  const colors = useColors();
  return (
    <View style={[styles.waiting, { backgroundColor: colors.paper }]}>
      <Icon name="tide" color={colors.accent} size={56} />
    </View>
  );
}

const styles = StyleSheet.create({
  waiting: { flex: 1, alignItems: 'center', justifyContent: 'center' },
});
