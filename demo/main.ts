import { parseArgs } from 'node:util';
import { Phone } from '../test/support/phone.js';
import { startServer, type ServerProcess } from '../test/support/server-process.js';
import { createStorage, type DatabaseName } from '../test/support/storage.js';
import { clientSync } from './client-sync.js';
import { chapters } from './chapters.js';
import { Dice, GAMES, playSeason, type PaperGame } from './season.js';
import { playStory, syncAll, type Cast, type KillableServer } from './story.js';
import { Timeline } from './timeline.js';
import {
  compareWithPaper,
  computeTotals,
  countWrongSnapshots,
  differences,
  findOrphans,
  standings,
  type Records,
} from './verdict.js';

const HELP = `Plays a season of ${GAMES} games on three real WatermelonDB clients and a real server, part of it offline
and with every mishap, and shows that all of them end with the same data.

Usage: npm run demo [-- options]

  --seed N              play the season of this number again (default: a new one)
  --server URL          use a server that is already up, such as http://127.0.0.1:3000; the killed server is left out
  --database NAME       sqlite (default) or postgres, for the server that the demo starts
  --help                this text

Exit code: 0 when everything is equal, 1 when something differs or fails, 2 for an option that cannot be used.`;

interface Options {
  seed: number;
  serverUrl: string | undefined;
  database: DatabaseName;
}

type CleanUp = () => Promise<void>;

/** An error whose message says it all. */
class DemoError extends Error {}
class UsageError extends DemoError {}
class Interruption extends DemoError {}

function readOptions(argv: string[]): Options | 'help' {
  const { values } = parse(argv);
  if (values.help) return 'help';
  const { seed = String(Math.floor(Math.random() * 100_000)), database = 'sqlite', server } = values;
  if (!/^\d{1,9}$/.test(seed))
    throw new UsageError(`--seed ${seed}: not a whole number of up to nine digits.`);
  if (database !== 'sqlite' && database !== 'postgres') {
    throw new UsageError(`--database ${database}: only sqlite and postgres are known.`);
  }
  if (server !== undefined && !(URL.canParse(server) && /^https?:/.test(server))) {
    throw new UsageError(`--server ${server}: not an http address.`);
  }
  if (server !== undefined && values.database !== undefined) {
    throw new UsageError('--database is for the server that the demo starts; it does not go with --server.');
  }
  return { seed: Number(seed), serverUrl: server, database };
}

function parse(argv: string[]) {
  try {
    const option = { type: 'string' } as const;
    return parseArgs({
      args: argv,
      options: { seed: option, server: option, database: option, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Runs the demo. @returns whether everything ended equal */
async function run(options: Options, timeline: Timeline): Promise<boolean> {
  const startedAt = performance.now();
  const cleanUps: CleanUp[] = [];
  // Ctrl-C takes the same way out as an error, so that no server and no folder stays behind.
  const interrupted = new Promise<never>((_, reject) => {
    process.once('SIGINT', () => reject(new Interruption('Interrupted.')));
    process.once('SIGTERM', () => reject(new Interruption('Interrupted.')));
  });
  const play = async (): Promise<boolean> => {
    const { url, server } = await findServer(options, cleanUps, timeline);
    const dice = new Dice(options.seed);
    const season = playSeason(dice);
    const cast = await gather(url, season, timeline);
    await playStory({ ...cast, timeline, dice, server }, season, chapters);
    const isEqual = await compare(cast, season, timeline);
    timeline.line(`\nSeed ${options.seed}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
    timeline.line(`The same season again: npm run demo -- --seed ${options.seed}`);
    return isEqual;
  };
  try {
    return await Promise.race([play(), interrupted]);
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  }
}

/** Finds the server that was named, or starts one. */
async function findServer(
  { serverUrl, database }: Options,
  cleanUps: CleanUp[],
  timeline: Timeline,
): Promise<{ url: string; server: KillableServer | undefined }> {
  if (serverUrl) {
    const isUp = await fetch(new URL('/health/live', serverUrl)).then(
      ({ ok }) => ok,
      () => false,
    );
    if (!isUp) throw new DemoError(`No Tidemark server answers at ${serverUrl}.`);
    if (!(await hasGames(serverUrl))) {
      throw new DemoError(`The server at ${serverUrl} has own tables; the demo needs the scorekeeping ones.`);
    }
    timeline.line(`Server: ${serverUrl} (already up)`);
    return { url: serverUrl, server: undefined };
  }
  if (process.env.TABLES) {
    timeline.line('TABLES is set, but not for the demo: it plays on the scorekeeping tables.');
  }
  const storage = await createStorage(database);
  cleanUps.push(() => storage.dispose());
  let running: ServerProcess = await startServer({ storage });
  cleanUps.push(() => running[Symbol.asyncDispose]());
  const { url } = running;
  timeline.line(`Server: ${url}, a process of its own on ${database === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`);
  const server: KillableServer = {
    kill: async () => void (await running.kill('SIGKILL')),
    restart: async () => void (running = await startServer({ storage, port: Number(new URL(url).port) })),
  };
  return { url, server };
}

/** Whether a server has the tables that the demo plays on. */
async function hasGames(serverUrl: string): Promise<boolean> {
  const api = (await (await fetch(new URL('/openapi.json', serverUrl))).json()) as {
    components: { schemas: Record<string, unknown> };
  };
  return ['GamesRow', 'GamePlayersRow', 'RoundsRow', 'ScoresRow'].every(
    (name) => name in api.components.schemas,
  );
}

/** Installs the app on three devices, the second and third paired by a code. */
async function gather(url: string, season: PaperGame[], timeline: Timeline): Promise<Cast> {
  const kitchen = await Phone.open(url, { name: 'kitchen phone', makeSync: clientSync });
  const basement = await kitchen.pair({ name: 'basement phone' });
  const tablet = await kitchen.pair({ name: 'tablet' });
  timeline.heading('Before the season');
  const at = season[0]!.startedAt - 30 * 60_000;
  timeline.event(at, 'kitchen phone', 'is installed and makes an account');
  timeline.event(at, 'basement phone', 'joins it with a pairing code');
  timeline.event(at, 'tablet', 'joins it with another');
  await syncAll(kitchen, basement, tablet);
  return { kitchen, basement, tablet };
}

/** Brings everyone up to date and compares all of them with the server, with each other and with the paper. */
async function compare(
  { kitchen, basement, tablet }: Cast,
  season: PaperGame[],
  timeline: Timeline,
): Promise<boolean> {
  const phones = [kitchen, basement, tablet];
  // Twice: the last to push in the first turn has news for those before it.
  await syncAll(...phones, ...phones);
  const server = await pullEverything(kitchen);
  const devices = await Promise.all(phones.map((phone) => phone.everything()));

  timeline.heading('The same everywhere?');
  const rows = Object.keys(server).map((table) => [
    table,
    server[table]!.length,
    ...devices.map((records) => records[table]?.length ?? 0),
  ]);
  timeline.table(['rows of', 'server', ...phones.map(({ name }) => name)], rows);
  timeline.line('');

  const total = Object.values(server).reduce((sum, { length }) => sum + length, 0);
  const waiting = await Promise.all(phones.map((phone) => phone.unsyncedCount()));
  const totals = JSON.stringify([...computeTotals(server)].sort());
  const verdicts: [string, string[]][] = [
    ...phones.map((phone, index): [string, string[]] => [
      `${phone.name} and server: ${total} rows equal, column by column`,
      differences(devices[index]!, server),
    ]),
    [
      'totals computed from the scores are the same on every device',
      phones
        .filter((_, i) => JSON.stringify([...computeTotals(devices[i]!)].sort()) !== totals)
        .map(({ name }) => name),
    ],
    [`totals after every round are those on paper, all ${GAMES} games`, compareWithPaper(server, season)],
    [
      'nothing waits to be pushed',
      waiting.flatMap((count, i) => (count ? [`${phones[i]!.name}: ${count}`] : [])),
    ],
    ['no row without the row that owns it', findOrphans(server)],
  ];
  for (const [claim, faults] of verdicts) {
    if (faults.length === 0) timeline.good(claim);
    else timeline.bad(`NOT: ${claim}`);
    for (const fault of faults.slice(0, 10)) timeline.note(fault);
    if (faults.length > 10) timeline.note(`… and ${faults.length - 10} more`);
  }
  const wrong = countWrongSnapshots(server);
  timeline.line(
    `  (${wrong} stored totals are out of date where two phones scored at once: nobody reads those.)`,
  );

  timeline.heading('Final table');
  timeline.table(['player', 'games', 'won', 'points', 'a game', 'best', 'worst'], standings(server));
  return verdicts.every(([, faults]) => faults.length === 0);
}

/** What a brand-new device of the account gets: one first pull, by plain HTTP. */
async function pullEverything(phone: Phone): Promise<Records> {
  const fresh = await phone.device.pair({ name: 'fresh device' });
  const { status, body } = await fresh.pull();
  if (status !== 200) throw new Error(`The first pull of a new device: ${status} ${JSON.stringify(body)}`);
  const changes = (body as { changes: Record<string, { updated: Records[string] }> }).changes;
  return Object.fromEntries(
    Object.entries(changes).map(([table, { updated }]) => [
      table,
      updated.sort((a, b) => (a.id < b.id ? -1 : 1)),
    ]),
  );
}

async function main(): Promise<void> {
  const timeline = new Timeline(process.stdout);
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === 'help') return timeline.line(HELP);
    process.exitCode = (await run(options, timeline)) ? 0 : 1;
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : error instanceof Interruption ? 130 : 1;
    const hint = error instanceof UsageError ? '\nSee --help.' : '';
    process.stderr.write(`${error instanceof DemoError ? error.message : describe(error)}${hint}\n`);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

void main();
