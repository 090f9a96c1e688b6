import { Inject, Injectable } from '@nestjs/common';
import { SocketSessions } from '../../auth/socket-session.js';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { isOriginAllowed } from '../../foundation/sockets/origin.js';
import type { DocumentRef } from '../../locks/lock.js';
import { LocksService } from '../../locks/locks.service.js';
import {
  LIVE_PROTOCOL_VERSION,
  SESSION_ID_PATTERN,
  SITE_ID_PATTERN,
  VIDEO_ID_PATTERN,
  type LiveHello,
} from '../../protocol/documents.js';
import { DocumentsRepository, type StoredDocument } from '../documents.repository.js';
import { DocumentKinds } from '../kinds.js';
import { MARK_PATTERN } from '../version.js';
import { epochChanged, noSuchDocument } from './live-errors.js';
import type { LiveDocument } from './live-document.js';
import type { LivePeer, LiveSocket } from './live-socket.js';
import { OpenDocuments } from './open-documents.js';
import type { Standing } from './subscriber.js';

/** Where documents' sockets connect; the ids are checked in the handshake, so that a refusal can say what is wrong. */
export const LIVE_NAMESPACE = /^\/videos\/([^/]*)\/sync\/([^/]*)$/;

type Fields = Record<string, unknown>;

/** A version that a client says it has; null mark: not looked at. */
interface Claimed {
  version: number;
  mark: string | null;
}

/** A handshake whose members are well formed. */
interface Asked {
  videoId: string;
  kind: string;
  sessionId: string;
  fencingToken: number | null;
  schemaVersion: number;
  epoch: number;
  since: Claimed;
  answered: Claimed | null;
  siteId: string;
}

/** An admitted client, and its greeting. */
export interface Admission {
  peer: LivePeer;
  document: LiveDocument;
  standing: Standing;
  hello: LiveHello;
}

/** Decides which clients may connect to a document, and whether they may write. */
@Injectable()
export class LiveHandshake {
  constructor(
    private readonly sessions: SocketSessions,
    private readonly kinds: DocumentKinds,
    private readonly documents: DocumentsRepository,
    private readonly locks: LocksService,
    private readonly open: OpenDocuments,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Checks in the order of `docs/live.md`.
   * @throws AppError ORIGIN_REFUSED, BAD_REQUEST, PROTOCOL_MISMATCH, TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED,
   *   DEVICE_REVOKED, NOT_FOUND, SCHEMA_MISMATCH, EPOCH_CHANGED, LOCK_REQUIRED, TOO_MANY_CONNECTIONS, OVERLOADED
   */
  async admit(socket: LiveSocket): Promise<Admission> {
    const { headers } = socket.handshake;
    const auth: Fields = socket.handshake.auth;
    if (!isOriginAllowed(headers, this.config)) throw new AppError('ORIGIN_REFUSED');
    const asked = readHandshake(socket.nsp.name, auth);
    const { session } = await this.sessions.begin(auth.access_token);
    const ref = { accountId: session.accountId, videoId: asked.videoId, kind: asked.kind };
    const kind = this.kinds.get(asked.kind);
    if (!(await this.documents.find(ref))) throw noSuchDocument();
    if (asked.schemaVersion !== kind.version) throw schemaMismatch(asked.schemaVersion, kind.version);
    const { document, row } = await this.openNewest(ref);
    await this.checkVersions(ref, row, asked);
    if (asked.siteId === document.database.siteId) throw notRekeyed();
    const lock = await this.checkLock(ref, session.deviceId, asked);
    if (!lock) this.checkWatchers(document);
    const { version, mark } = document;
    const ahead = await document.run(() => document.database.count(asked.since.version, version));
    return {
      peer: { ref, session, sessionId: asked.sessionId, siteId: asked.siteId },
      document,
      standing: {
        cursor: asked.since.version,
        fencingToken: lock?.fencingToken ?? null,
        lockExpiresAt: lock?.expiresAt ?? null,
      },
      hello: {
        protocol_version: LIVE_PROTOCOL_VERSION,
        schema_version: kind.version,
        epoch: document.epoch,
        server_version: version,
        mark,
        server_site_id: document.database.siteId,
        role: lock ? 'holder' : 'watcher',
        lock_expires_at: lock?.expiresAt ?? null,
        token_expires_at: session.expiresAt,
        ahead,
      },
    };
  }

  /** Opens the document at the epoch that it has now. @returns it with its row, read after it was opened */
  private async openNewest(ref: DocumentRef): Promise<{ document: LiveDocument; row: StoredDocument }> {
    for (;;) {
      // Opening it may begin an epoch.
      const document = await this.open.get(ref);
      const row = await this.documents.find(ref);
      if (!row) throw noSuchDocument();
      if (row.epoch === document.epoch) return { document, row };
      // Another process or a command began an epoch, and its announcement did not arrive.
      this.open.end(document, epochChanged(row));
    }
  }

  /** @throws AppError TOO_MANY_CONNECTIONS */
  checkWatchers(document: LiveDocument): void {
    const watchers = [...document.subscribers].filter(({ role }) => role === 'watcher');
    if (watchers.length < this.config.maxWatchersPerDocument) return;
    throw new AppError('TOO_MANY_CONNECTIONS', {
      detail: 'Too many watch this document already.',
      retry_after: 30,
    });
  }

  /** The versions that the client has must be ones that the server gave out, with the same marks. */
  private async checkVersions(
    ref: DocumentRef,
    row: StoredDocument,
    { epoch, since, answered }: Asked,
  ): Promise<void> {
    if (epoch !== row.epoch) throw epochChanged(row);
    for (const claimed of answered ? [since, answered] : [since]) {
      if (claimed.version > row.version) throw epochChanged(row);
      if (claimed.mark === null) continue;
      const mark = await this.documents.findMark(ref, { epoch, version: claimed.version });
      if (mark !== claimed.mark) throw epochChanged(row);
    }
  }

  private async checkLock(
    ref: DocumentRef,
    deviceId: string,
    { sessionId, fencingToken }: Asked,
  ): Promise<{ fencingToken: number; expiresAt: number } | null> {
    if (fencingToken === null) return null;
    const { expiresAt } = await this.locks.renew(ref, {
      sessionId,
      userId: deviceId,
      fencingToken,
    });
    return { fencingToken, expiresAt };
  }
}

function readHandshake(namespace: string, auth: Fields): Asked {
  const [, videoId = '', kind = ''] = LIVE_NAMESPACE.exec(namespace) ?? [];
  const protocol = whole(auth, 'protocol_version');
  if (protocol !== LIVE_PROTOCOL_VERSION) {
    throw new AppError('PROTOCOL_MISMATCH', {
      detail: `The client speaks version ${protocol} of the documents' protocol, the server ${LIVE_PROTOCOL_VERSION}.`,
      protocol_version: LIVE_PROTOCOL_VERSION,
    });
  }
  return {
    videoId: text({ video_id: videoId }, 'video_id', VIDEO_ID_PATTERN),
    kind,
    sessionId: text(auth, 'session_id', SESSION_ID_PATTERN),
    fencingToken: auth.fencing_token === null ? null : whole(auth, 'fencing_token'),
    schemaVersion: whole(auth, 'schema_version'),
    epoch: whole(auth, 'epoch'),
    since: { version: whole(auth, 'since'), mark: optionalMark(auth, 'since_mark') },
    answered: (auth.answered ?? null) === null ? null : answeredIn(auth),
    siteId: text(auth, 'site_id', SITE_ID_PATTERN),
  };
}

function answeredIn(auth: Fields): Claimed {
  return { version: whole(auth, 'answered'), mark: optionalMark(auth, 'answered_mark') };
}

function whole(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new AppError('BAD_REQUEST', { detail: `${name} must be a whole number.` });
}

function text(fields: Fields, name: string, pattern: RegExp): string {
  const value = fields[name];
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new AppError('BAD_REQUEST', { detail: `${name} must match ${pattern.source}.` });
}

function optionalMark(fields: Fields, name: string): string | null {
  return (fields[name] ?? null) === null ? null : text(fields, name, MARK_PATTERN);
}

function schemaMismatch(theirs: number, ours: number): AppError {
  const detail = `The copy has version ${theirs} of the tables, the server ${ours}.`;
  return new AppError('SCHEMA_MISMATCH', { detail, schema_version: ours });
}

function notRekeyed(): AppError {
  const detail = 'site_id is the server’s own: a downloaded copy needs an identity of its own.';
  return new AppError('BAD_REQUEST', { detail });
}
