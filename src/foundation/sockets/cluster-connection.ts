import { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** What the adapter does with a connection: it listens for `notification` and `end`, and asks for LISTEN. */
interface ListeningClient extends EventEmitter {
  query(text: string): Promise<pg.QueryResult>;
  release(): void;
}

/**
 * The one connection to PostgreSQL on which this process hears the others and speaks to them. It stands in for the
 * pool that Socket.IO's adapter asks for: out of a pool, a listening connection that dies is never given back, and its
 * error, which nobody listens to, ends the process.
 */
export class ClusterConnection {
  private readonly logger = new Logger('Realtime');
  /** Null: not connected. */
  private client: pg.Client | null = null;
  private newest: pg.Client | null = null;
  private lastQuery: Promise<unknown> = Promise.resolve(); // never rejects
  private lastComplaint = '';
  private isClosed = false;

  /** @param url `postgres://…` */
  constructor(private readonly url: string) {}

  /** Connects, at first and again whenever the adapter has given up the connection before. */
  async connect(): Promise<ListeningClient> {
    this.drop(this.newest);
    if (this.isClosed) return never();
    const client = new pg.Client({
      connectionString: this.url,
      application_name: 'tidemark',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      // A NOTIFY counts as a change: it would wait for the disk, though nothing of it is kept.
      options: '-c synchronous_commit=off',
    });
    client.on('error', () => undefined); // 'end' follows
    this.newest = client;
    try {
      await client.connect();
    } catch (error) {
      if (this.newest !== client) return never();
      this.drop(client);
      this.complain(`Cannot connect to the other processes: ${(error as Error).message}`);
      throw error;
    }
    if (this.newest !== client) return never();
    this.client = client;
    return this.toListeningClient(client);
  }

  /** Runs a statement of the adapter's. @throws Error when there is no connection */
  async query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    const { client } = this;
    if (!client) throw new Error('Not connected to PostgreSQL.');
    try {
      return await this.inTurn(() => client.query(text, values));
    } catch (error) {
      if (this.isClosed) return never();
      // A connection that does not answer may be half open: ended, it is replaced.
      if (!(error instanceof pg.DatabaseError)) end(client);
      throw error;
    }
  }

  /** Waits until everything asked for so far was answered, or failed. */
  async flushed(): Promise<void> {
    await this.lastQuery;
  }

  /** Ends the connection for good. */
  close(): void {
    this.isClosed = true;
    this.drop(this.newest);
  }

  /** The adapter connects again when LISTEN fails and when the connection ends: it is told one of them, once. */
  private toListeningClient(client: pg.Client): ListeningClient {
    const events = new EventEmitter();
    let isListening = false;
    client.on('notification', (message) => {
      // What this process says comes back to it, too. The adapter would read all of it to find that out.
      if (message.processId !== (client as { processID?: number }).processID)
        events.emit('notification', message);
    });
    client.on('end', () => {
      if (this.newest !== client) return;
      this.drop(client);
      this.complain('Lost the connection to the other processes; connecting again');
      if (isListening) events.emit('end');
    });
    const listen = async (text: string): Promise<pg.QueryResult> => {
      try {
        const result = await this.inTurn(() => client.query(text));
        if (this.client !== client) throw new Error('The connection has ended.');
        isListening = true;
        this.lastComplaint = '';
        return result;
      } catch (error) {
        if (this.isClosed || (this.newest !== null && this.newest !== client)) return never();
        this.drop(client);
        this.complain(`Cannot listen to the other processes: ${(error as Error).message}`);
        throw error;
      }
    };
    return Object.assign(events, { query: listen, release: () => this.drop(client) });
  }

  /** Ends a connection of which nobody needs to hear any more. */
  private drop(client: pg.Client | null): void {
    if (!client) return;
    if (this.client === client) this.client = null;
    if (this.newest === client) this.newest = null;
    end(client);
  }

  /** Logs what is wrong, not again at every try. */
  private complain(message: string): void {
    if (message !== this.lastComplaint) this.logger.warn(message);
    this.lastComplaint = message;
  }

  /** The driver wants one statement at a time. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.lastQuery.then(work);
    this.lastQuery = result.catch(() => undefined);
    return result;
  }
}

function end(client: pg.Client): void {
  client.end().catch(() => undefined);
}

/** Refused anything, the adapter would try again, and keep the process from ending; without an answer it is silent. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
