import { useEffect, useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { Icon } from '../components/Icon';
import { SessionProvider, useValue } from '../components/session-context';
import { claimDatabase } from '../database/claim-database';
import type { DatabaseClaim } from '../database/claim';
import { tendTrash } from '../games/trash';
import { Navigator } from '../navigation/Navigator';
import { openSession } from '../session/open-session';
import type { Session } from '../../../client/src/tidemark';
import { Mutex } from '../../../client/src/mutex';
import { useColors } from '../theme';
import { ElsewhereScreen } from './ElsewhereScreen';
import { FailedScreen } from './FailedScreen';

type Opening = { session: Session } | { failure: unknown } | null;

/** The app with the user's own games: claims the database, opens it, and shows the screens. */
export function HomeScreen() {
  const [claim, setClaim] = useState<DatabaseClaim>();
  const [opening, setOpening] = useState<Opening>(null);

  useEffect(() => {
    let session: Session | undefined;
    // Opening and closing run one after the other, so a session that is opening when the claim is lost is closed too.
    const mutex = new Mutex();
    const close = async () => {
      const closing = session;
      session = undefined;
      await closing?.close();
    };
    const made = claimDatabase(() => {
      setOpening(null);
      return mutex.run(close);
    });
    const openIfOwned = async () => {
      if (made.state.get() !== 'owned' || session) return;
      try {
        session = await openSession();
        if (made.state.get() === 'owned') setOpening({ session });
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
    <SessionProvider value={opening.session}>
      <Caretaker session={opening.session} />
      <Navigator />
    </SessionProvider>
  );
}

/** Runs `tendTrash` whenever no change waits to be sent. */
function Caretaker({ session }: { session: Session }) {
  const { state, pending } = useValue(session.sync.status);
  const isSettled = pending === 0 && (state === 'synced' || state === 'attention');
  useEffect(() => {
    if (isSettled) void tendTrash(session.database);
  }, [session, isSettled]);
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
