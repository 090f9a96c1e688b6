import { pathOf, routesOf, watchTokenOf, type Route } from '../../src/navigation/routes';

const routes: Route[] = [
  { name: 'Games' },
  { name: 'NewGame', params: { from: undefined } },
  { name: 'NewGame', params: { from: 'g1' } },
  { name: 'Game', params: { gameId: 'a.b-c_1' } },
  { name: 'EditGame', params: { gameId: 'g1' } },
  { name: 'Round', params: { gameId: 'g1', round: 'new' } },
  { name: 'Round', params: { gameId: 'g1', round: 12 } },
  { name: 'Settings' },
  { name: 'Documents' },
  { name: 'Join', params: { code: undefined, server: undefined } },
  { name: 'Join', params: { code: 'ABCD2345', server: undefined } },
  { name: 'Join', params: { code: 'ABCD2345', server: 'https://sync.example.org:8443' } },
];

test.each(routes)('the address of $name $params leads back to it', (route) => {
  expect(routesOf(`#${pathOf(route)}`).at(-1)).toEqual(route);
});

test('under a game lies the list, under a round its game', () => {
  expect(routesOf('#/game/g1/round/3').map(({ name }) => name)).toEqual(['Games', 'Game', 'Round']);
});

test('an address that leads nowhere leads to the list', () => {
  for (const path of ['', '#', '#/nonsense', '#/game//', '#/game/%E0%A4%A', '#/game/a/round/x']) {
    expect(routesOf(path)[0]).toEqual({ name: 'Games' });
  }
});

test('only the address of a shared scoreboard holds its token', () => {
  expect(watchTokenOf('#/watch/abc_DEF-123')).toBe('abc_DEF-123');
  expect(watchTokenOf('#/game/abc')).toBeNull();
});
