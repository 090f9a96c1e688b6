import NetInfo from '@react-native-community/netinfo';
import { AppState } from 'react-native';
import type { Tidemark } from '@tidemark/client';

/** Tells the client when the app is in the foreground and when the phone is online. @returns a function that stops it */
export function watchSurroundings(tidemark: Tidemark): () => void {
  const comesAndGoes = AppState.addEventListener('change', (state) => {
    if (state !== 'inactive') tidemark.setForeground(state === 'active');
  });
  const endNetwork = NetInfo.addEventListener(({ isConnected }) => tidemark.setOnline(isConnected !== false));
  return () => {
    comesAndGoes.remove();
    endNetwork();
  };
}
