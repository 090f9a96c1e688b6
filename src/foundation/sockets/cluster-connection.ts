import { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { postgresOptions } from '../config/postgres-url.js';
import { Mutex } from '../flow/mutex.js';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** The part of a pg client that the adapter uses: the events `notification` and `end`, and a query for LISTEN. */
interface ListeningClient extends EventEmitter {
  query(text: string): Promise<pg.QueryResult>;
  release(): void;
}

/**
 * The one PostgreSQL connection on which this process exchanges announcements with the others. It replaces the pool
 * that Socket.IO's adapter expects: the adapter never returns a dead listening connection to a pool, and does not listen
 * to its 'error' event, which then ends the process.
 */
export class ClusterConnection {
  private readonly logger = new Logger('Realtime');
  /** Null: not connected. */
  private client: pg.Client | null = null;
  private newest: pg.Client | null = null;
  /** The driver requires statements one at a time. */
  private readonly turns = new Mutex();
  private lastComplaint = '';
  private isClosed = false;

  /** @param url `postgres://…` */
  constructor(private readonly url: string) {}

  /** Connects; the adapter calls it at first and again after each lost connection. */
  async connect(): Promise<ListeningClient> {
    this.drop(this.newest);
    if (this.isClosed) return never();
    const client = new pg.Client({
      ...postgresOptions(this.url),
      application_name: 'tidemark',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
    });
    client.on('error', () => undefined); // 'end' follows
    this.newest = client;
    try {
      await client.connect();
      // A NOTIFY commits like a write: it would wait for the disk although nothing is stored.
      await client.query('SET synchronous_commit = off');
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

  /** Runs a statement for the adapter. @throws Error when there is no connection, or the statement fails */
  async query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    const { client } = this;
    if (!client) throw new Error('Not connected to PostgreSQL.');
    try {
      return await this.turns.run(() => client.query(text, values));
    } catch (error) {
      if (this.isClosed) return never();
      // A connection that does not answer may be half open: end it, so that it is replaced.
      if (!(error instanceof pg.DatabaseError)) end(client);
      throw error;
    }
  }

  /** Waits until all statements so far have succeeded or failed. */
  flushed(): Promise<void> {
    return this.turns.ended();
  }

  /** Ends the connection for good. */
  close(): void {
    this.isClosed = true;
    this.drop(this.newest);
  }

  /** The adapter reconnects both when LISTEN fails and when the connection ends, so it must learn of only one, once. */
  private toListeningClient(client: pg.Client): ListeningClient {
    const events = new EventEmitter();
    let isListening = false;
    client.on('notification', (message) => {
      // Drop this process's own notifications here: the adapter would parse each one before it drops it.
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
        const result = await this.turns.run(() => client.query(text));
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

  /** Ends a connection, and forgets it first so that its `end` is ignored. */
  private drop(client: pg.Client | null): void {
    if (!client) return;
    if (this.client === client) this.client = null;
    if (this.newest === client) this.newest = null;
    end(client);
  }

  /** Logs a problem, but not again at every try. */
  private complain(message: string): void {
    if (message !== this.lastComplaint) this.logger.warn(message);
    this.lastComplaint = message;
  }
}

function end(client: pg.Client): void {
  client.end().catch(() => undefined);
}

/** Never settles: after an error, the adapter would try again and keep the process from ending. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
