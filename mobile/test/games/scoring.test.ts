import type { GameRecords } from '../../src/games/records';
import { progressTowards, scoresheet, titleOf } from '../../src/games/scoring';
import { seriesOf } from '../../src/games/series';
import { paperGame, randomFrom, shuffled } from './paper-game';

test('a game without rounds has everyone at 0 and nobody in front', () => {
  const sheet = scoresheet(paperGame({ players: ['Ann', 'Ben'], rounds: [] }));
  expect(sheet.standings.map(({ total, rank, isLeader }) => ({ total, rank, isLeader }))).toEqual([
    { total: 0, rank: 1, isLeader: false },
    { total: 0, rank: 1, isLeader: false },
  ]);
  expect(sheet.winner).toBeNull();
});

test('totals are the sums of the scores, highest first', () => {
  const { standings } = scoresheet(
    paperGame({
      players: ['Ann', 'Ben', 'Cleo'],
      rounds: [
        [5, 12, 0],
        [7, -3, 9],
      ],
    }),
  );
  expect(standings.map(({ player, total }) => [player.name, total])).toEqual([
    ['Ann', 12],
    ['Ben', 9],
    ['Cleo', 9],
  ]);
  expect(standings.map(({ rank }) => rank)).toEqual([1, 2, 2]);
  expect(standings.map(({ isLeader }) => isLeader)).toEqual([true, false, false]);
  expect(standings.map(({ lastChange }) => lastChange)).toEqual([7, -3, 9]);
});

test('stored totals are never read', () => {
  const records = paperGame({ players: ['Ann', 'Ben'], rounds: [[5, 6]] });
  for (const player of records.players) player.current_total = 1000;
  for (const score of records.scores) score.total_after = 1000;
  expect(scoresheet(records).standings.map(({ total }) => total)).toEqual([6, 5]);
});

test('who reaches the target at the end of a round wins, and stays the winner', () => {
  const { winner } = scoresheet(
    paperGame({
      target: 20,
      players: ['Ann', 'Ben'],
      rounds: [
        [15, 5],
        [5, 2],
        [0, 99],
      ],
    }),
  );
  expect(winner?.name).toBe('Ann');
});

test('of several at the target the highest wins', () => {
  const { winner } = scoresheet(paperGame({ target: 20, players: ['Ann', 'Ben'], rounds: [[20, 25]] }));
  expect(winner?.name).toBe('Ben');
});

test('equal highest totals at the target let the game go on', () => {
  const tied = { target: 20, players: ['Ann', 'Ben'], rounds: [[20, 20]] };
  expect(scoresheet(paperGame(tied)).winner).toBeNull();
  const decided = { ...tied, rounds: [...tied.rounds, [0, 1]] };
  expect(scoresheet(paperGame(decided)).winner?.name).toBe('Ben');
});

test('two rounds of the same number both count, the earlier one first', () => {
  const records = paperGame({
    players: ['Ann', 'Ben'],
    rounds: [
      [1, 2],
      [3, 4],
    ],
  });
  for (const round of records.rounds) round.round_number = 1;
  const { rounds } = scoresheet(records);
  expect(rounds.map(({ number }) => number)).toEqual([1, 2]);
  expect(rounds.map(({ entries }) => entries.get('p0')?.total)).toEqual([1, 4]);
});

test('a player without a score in a round keeps the total', () => {
  const records = paperGame({
    players: ['Ann', 'Ben'],
    rounds: [
      [1, 2],
      [3, 4],
    ],
  });
  records.scores = records.scores.filter(
    ({ player_id, round_id }) => player_id === 'p1' || round_id === 'r0',
  );
  const [ann] = seriesOf(scoresheet(records));
  expect(ann?.totals).toEqual([0, 1, 1]);
});

test('whatever order the rows come in, the sheet is the same, and totals add up', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = randomFrom(seed);
    const players = Array.from({ length: 2 + random(6) }, (_, seat) => `Player ${seat}`);
    const rounds = Array.from({ length: random(12) }, () => players.map(() => random(40) - 10));
    const records = paperGame({ target: 50 + random(100), players, rounds });
    const sheet = scoresheet(records);
    const mixed: GameRecords = {
      game: records.game,
      players: shuffled(records.players, random),
      rounds: shuffled(records.rounds, random),
      scores: shuffled(records.scores, random),
    };
    expect({ seed, sheet: scoresheet(mixed) }).toEqual({ seed, sheet });
    for (const { seat, total } of sheet.standings) {
      const sum = rounds.reduce((points, round) => points + round[seat]!, 0);
      expect({ seed, seat, total }).toEqual({ seed, seat, total: sum });
    }
    const totals = sheet.standings.map(({ total }) => total);
    expect(totals).toEqual([...totals].sort((a, b) => b - a));
    if (sheet.winner === null && rounds.length > 0) {
      const isTied = totals[0] === totals[1];
      expect({ seed, goesOn: totals[0]! < records.game.target_score || isTied }).toEqual({
        seed,
        goesOn: true,
      });
    }
  }
});

test('progress stays between nothing and the whole way', () => {
  expect([-5, 0, 25, 100, 140].map((total) => progressTowards(100, total))).toEqual([0, 0, 0.25, 1, 1]);
  expect(progressTowards(0, 10)).toBe(0);
});

test('a game without a name is called by its players', () => {
  const { game, players } = paperGame({ players: ['Ann', 'Ben'], rounds: [] });
  expect(titleOf({ ...game, name: ' ' }, players)).toBe('Ann, Ben');
  expect(titleOf({ ...game, name: null }, [])).toBe('Untitled game');
  expect(titleOf({ ...game, name: 'Friday' }, players)).toBe('Friday');
});
