import { Logger } from '@nestjs/common';
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** What the adapter does with a connection. */
type ListeningClient = pg.Client & { release(): void };

/**
 * The one connection to PostgreSQL on which this process hears the others and speaks to them. It stands in for the
 * pool that Socket.IO's adapter asks for: out of a pool, a listening connection that dies is never given back, and its
 * error, which nobody listens to, ends the process.
 */
export class ClusterConnection {
  private readonly logger = new Logger('Realtime');
  private client: ListeningClient | null = null;
  private lastQuery: Promise<unknown> = Promise.resolve(); // never rejects
  private isClosed = false;

  /** @param url `postgres://…` */
  constructor(private readonly url: string) {}

  /** Connects, at first and again whenever the connection before has ended; that is when the adapter calls it. */
  async connect(): Promise<ListeningClient> {
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
    await this.unlessClosed(client.connect());
    const send = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<pg.QueryResult>;
    const listening = Object.assign(client, {
      query: (text: string, values?: unknown[]) => this.unlessClosed(this.inTurn(() => send(text, values))),
      release: () => void client.end(),
    });
    if (this.isClosed) {
      listening.release();
      return never();
    }
    client.on('end', () => {
      this.client = null;
      this.logger.warn('Lost the connection to the other processes; connecting again');
    });
    this.client = listening;
    return listening;
  }

  /** Runs a statement of the adapter's. @throws Error when there is no connection */
  async query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    const { client } = this;
    if (!client) throw new Error('Not connected to PostgreSQL.');
    try {
      return await client.query(text, values);
    } catch (error) {
      // A connection that does not answer may be half open: ended, it is replaced.
      if (!(error instanceof pg.DatabaseError)) client.release();
      throw error;
    }
  }

  /** Waits until everything asked for so far was answered, or failed. */
  async settle(): Promise<void> {
    await this.lastQuery;
  }

  /** Ends the connection for good. */
  close(): void {
    this.isClosed = true;
    this.client?.removeAllListeners('end');
    this.client?.release();
  }

  private unlessClosed<T>(work: Promise<T>): Promise<T> {
    return work.catch((error) => (this.isClosed ? never() : Promise.reject(error)));
  }

  /** The driver wants one statement at a time. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.lastQuery.then(work);
    this.lastQuery = result.catch(() => undefined);
    return result;
  }
}

/** Refused anything, the adapter would try again, and keep the process from ending; without an answer it is silent. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
