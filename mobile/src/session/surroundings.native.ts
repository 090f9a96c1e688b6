import NetInfo from '@react-native-community/netinfo';
import { AppState } from 'react-native';
import type { Sync } from '../../../client/src/records/sync';

/** Tells the sync when the app is in the foreground and when the phone is online. @returns a function that stops it */
export function watchSurroundings(sync: Sync): () => void {
  const comesAndGoes = AppState.addEventListener('change', (state) => {
    if (state !== 'inactive') sync.setForeground(state === 'active');
  });
  const endNetwork = NetInfo.addEventListener(({ isConnected }) => sync.setOnline(isConnected !== false));
  return () => {
    comesAndGoes.remove();
    endNetwork();
  };
}
