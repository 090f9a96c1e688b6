import { StackActions, type NavigationContainerRef, type NavigationState } from '@react-navigation/native';
import { useEffect } from 'react';
import { pathOf, routesOf, watchTokenOf, type Route, type Routes } from './routes';

type Ref = NavigationContainerRef<Routes>;

/** The screens for the page's address, as a navigator's first state. */
export function stateOfAddress(): { routes: Route[] } {
  return { routes: routesOf(window.location.hash) };
}

/** Writes the top screen into the page's address, after the `#`, so that reload and "back" work. */
export function writeAddress(state: NavigationState | undefined): void {
  if (!state) return;
  const path = `#${topPath(state)}`;
  if (path === currentHash()) return;
  const { previous, depth = 0 } = (window.history.state ?? {}) as { previous?: string; depth?: number };
  if (state.index > depth) {
    window.history.pushState({ previous: currentHash(), depth: state.index }, '', path);
  } else if (state.index < depth && previous === path) {
    window.history.back();
  } else {
    window.history.replaceState({ previous, depth: state.index }, '', path);
  }
}

/** Changes the screen on the browser's "back" and "forward", and when an address is typed or pasted. */
export function useAddressBar(ref: Ref, isEnabled: boolean): void {
  useEffect(() => {
    if (!isEnabled) return;
    noteDepth(stateOfAddress().routes.length - 1);
    const follow = () => {
      const state = ref.isReady() ? ref.getRootState() : undefined;
      if (!state || `#${topPath(state)}` === currentHash() || watchTokenOf(currentHash())) return;
      const { routes } = stateOfAddress();
      noteDepth(routes.length - 1);
      const below = state.routes.findIndex((route) => `#${pathOf(route as Route)}` === currentHash());
      if (below >= 0 && below < state.index) ref.dispatch(StackActions.pop(state.index - below));
      else ref.resetRoot({ index: routes.length - 1, routes });
    };
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, [ref, isEnabled]);
}

/** Stores the stack depth of an address that was typed, pasted or opened; `writeAddress` stores it for its own. */
function noteDepth(depth: number): void {
  if (window.history.state === null) window.history.replaceState({ depth }, '');
}

function topPath(state: NavigationState): string {
  return pathOf(state.routes[state.index] as Route);
}

function currentHash(): string {
  return window.location.hash || '#/';
}
