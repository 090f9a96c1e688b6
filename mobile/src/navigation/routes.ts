import type { NativeStackNavigationProp } from '@react-navigation/native-stack';

/** Every screen with its parameters. */
export type Routes = {
  Games: undefined;
  /** `from`: the id of the game whose players play again. */
  NewGame: { from?: string } | undefined;
  Game: { gameId: string };
  EditGame: { gameId: string };
  /** `round`: its place in the game, 1-based. */
  Round: { gameId: string; round: number | 'new' };
  Settings: undefined;
  Documents: undefined;
  Join: { code?: string; server?: string } | undefined;
};

/** The navigation object of the screens. */
export type Navigation = NativeStackNavigationProp<Routes>;

/** One screen of the stack, without the key that the navigator gives it. */
export type Route = {
  [Name in keyof Routes]: { name: Name; params?: Routes[Name] };
}[keyof Routes];

const GAME = /^game\/([^/]+)$/;
const EDIT = /^game\/([^/]+)\/edit$/;
const ROUND = /^game\/([^/]+)\/round\/(new|\d+)$/;
const JOIN = /^join(?:\/([^/?]+))?(?:\?(.*))?$/;
const SERVER = /(?:^|&)server=([^&]*)/;
const NEW = /^new(?:\?from=(.+))?$/;
const WATCH = /^watch\/(.+)$/;

/** The stack of screens, bottom first, for an address like `/game/x/round/3`. */
export function routesOf(path: string): Route[] {
  const address = path.replace(/^[#/]+/, '').replace(/\/+$/, '');
  const games: Route = { name: 'Games' };
  const part = (match: RegExpExecArray, index: number) => decode(match[index] ?? '');

  if (address === 'settings') return [games, { name: 'Settings' }];
  if (address === 'documents') return [games, { name: 'Settings' }, { name: 'Documents' }];
  let match = GAME.exec(address);
  if (match) return [games, { name: 'Game', params: { gameId: part(match, 1) } }];
  match = EDIT.exec(address);
  if (match) {
    const gameId = part(match, 1);
    return [games, { name: 'Game', params: { gameId } }, { name: 'EditGame', params: { gameId } }];
  }
  match = ROUND.exec(address);
  if (match) {
    const gameId = part(match, 1);
    const round = match[2] === 'new' ? 'new' : Number(match[2]);
    return [games, { name: 'Game', params: { gameId } }, { name: 'Round', params: { gameId, round } }];
  }
  match = JOIN.exec(address);
  if (match) {
    const server = SERVER.exec(match[2] ?? '');
    const params = { code: part(match, 1) || undefined, server: (server && part(server, 1)) || undefined };
    return [games, { name: 'Join', params }];
  }
  match = NEW.exec(address);
  if (match) return [games, { name: 'NewGame', params: { from: part(match, 1) || undefined } }];
  return [games];
}

/** The address of a screen; the inverse of `routesOf` for the top screen. */
export function pathOf(route: Route): string {
  switch (route.name) {
    case 'Games':
      return '/';
    case 'NewGame':
      return route.params?.from ? `/new?from=${encodeURIComponent(route.params.from)}` : '/new';
    case 'Game':
      return `/game/${encodeURIComponent(route.params!.gameId)}`;
    case 'EditGame':
      return `/game/${encodeURIComponent(route.params!.gameId)}/edit`;
    case 'Round':
      return `/game/${encodeURIComponent(route.params!.gameId)}/round/${route.params!.round}`;
    case 'Settings':
      return '/settings';
    case 'Documents':
      return '/documents';
    case 'Join': {
      const { code = '', server } = route.params ?? {};
      const query = server ? `?server=${encodeURIComponent(server)}` : '';
      return `${code ? `/join/${encodeURIComponent(code)}` : '/join'}${query}`;
    }
  }
}

/** The token in the address of a shared scoreboard; null for every other address. */
export function watchTokenOf(path: string): string | null {
  const match = WATCH.exec(path.replace(/^[#/]+/, ''));
  return match ? decode(match[1]!) : null;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not valid percent-encoding, as typed by hand: take it unchanged
  }
}
