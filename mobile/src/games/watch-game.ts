import { io } from 'socket.io-client';
import type { Problem } from '../../../src/protocol/errors';
import type { Pong, Scoreboard, ShareHandshake, SocketAnswer } from '../../../src/protocol/events';
import { PROTOCOL_VERSION } from '../../../src/protocol/version';
import type { GameRecords, GameRow, PlayerRow, RoundRow, ScoreRow } from './records';

/** What a viewer with a link to one game sees. */
export interface WatchedGame {
  /** `live`: the server confirmed seconds ago that nothing is newer; `ended`: the game cannot be watched any more. */
  state: 'connecting' | 'live' | 'ended';
  /** Null until the first scoreboard. */
  records: GameRecords | null;
  /** Why it ended; null: it has not. */
  problem: Pick<Problem, 'code' | 'title' | 'hint'> | null;
}

const PING_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 5_000;
const TRY_AGAIN_MS = 3_000;
/** Refusals that a retry would get again. */
const FINAL = [
  'SHARE_WITHDRAWN',
  'NOT_FOUND',
  'TOKEN_INVALID',
  'TOKEN_MISSING',
  'PROTOCOL_MISMATCH',
  'QUOTA_EXCEEDED',
  'BAD_REQUEST',
  'ORIGIN_REFUSED',
];

/**
 * Watches one shared game over a socket, without an account.
 * @param serverUrl the server's origin
 * @returns a function that stops it
 */
export function watchGame(
  serverUrl: string,
  shareToken: string,
  onChange: (game: WatchedGame) => void,
): () => void {
  const auth: ShareHandshake = { share_token: shareToken, protocol_version: PROTOCOL_VERSION };
  const socket = io(serverUrl, { transports: ['websocket'], auth, forceNew: true });
  let game: WatchedGame = { state: 'connecting', records: null, problem: null };
  let timestamp = 0;
  let n = 0;
  let isStopped = false;
  let again: ReturnType<typeof setTimeout> | undefined;

  const show = (changes: Partial<WatchedGame>) => {
    if (isStopped) return;
    game = { ...game, ...changes };
    onChange(game);
  };
  const tryAgain = () => {
    if (isStopped) return;
    show({ state: 'connecting' });
    clearTimeout(again);
    again = setTimeout(() => socket.connect(), TRY_AGAIN_MS);
  };
  const stop = () => {
    isStopped = true;
    clearInterval(pings);
    clearTimeout(again);
    socket.disconnect();
  };
  const end = (problem: Problem) => {
    show({ state: 'ended', problem });
    stop();
  };

  socket.on('scoreboard', (scoreboard: Scoreboard) => {
    timestamp = scoreboard.timestamp;
    show({ state: 'live', records: recordsOf(scoreboard) });
  });
  socket.on('closed', (problem: Problem) => {
    if (FINAL.includes(problem.code)) end(problem);
  });
  socket.on('disconnect', tryAgain);
  socket.on('connect_error', (error: Error & { data?: Problem }) => {
    if (error.data && FINAL.includes(error.data.code)) end(error.data);
    else if (!socket.active) tryAgain();
    else show({ state: 'connecting' });
  });

  const pings = setInterval(() => {
    if (!socket.connected) return;
    n += 1;
    socket
      .timeout(ANSWER_WITHIN_MS)
      .emit('ping', { n }, (silence: Error | null, answer: SocketAnswer<Pong>) => {
        if (!socket.connected) return;
        const isCurrent = !silence && 'timestamp' in answer && answer.timestamp <= timestamp;
        if (isCurrent) show({ state: 'live' });
        // A scoreboard was lost, or the connection is dead: a new connection brings the current scoreboard.
        else socket.disconnect().connect();
      });
  }, PING_EVERY_MS);

  return stop;
}

function recordsOf({ tables }: Scoreboard): GameRecords | null {
  const [game] = (tables.games ?? []) as GameRow[];
  if (!game) return null;
  return {
    game,
    players: (tables.game_players ?? []) as PlayerRow[],
    rounds: (tables.rounds ?? []) as RoundRow[],
    scores: (tables.scores ?? []) as ScoreRow[],
  };
}
