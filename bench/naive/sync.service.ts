import type { KeyObject } from 'node:crypto';
import { ConflictException, Inject, Injectable, UnauthorizedException } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { DataSource, type EntityManager, MoreThan, type ObjectLiteral } from 'typeorm';
import { schema } from '../../src/protocol/tables.js';
import type { Row } from '../../src/protocol/schema.js';

/** The key that signs tokens. */
export const SECRET = Symbol('SECRET');

/** A client's push. */
export interface Push {
  changes: Record<string, { created: Row[]; updated: Row[]; deleted: string[] }>;
  last_pulled_at: number;
}

const tables = Object.keys(schema.tables);

/** Pull and push in their simplest form: TypeORM does the work, record by record. */
@Injectable()
export class SyncService {
  private readonly jwt = new JwtService();
  private lastWrite: Promise<unknown> = Promise.resolve();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SECRET) private readonly secret: KeyObject,
  ) {}

  /** Checks the token's signature and looks up the device. @returns its account */
  async authenticate(authorization: string): Promise<string> {
    const secret = this.secret as unknown as Buffer;
    const token = authorization.replace('Bearer ', '');
    const claims = this.jwt.verify<{ sub: string; did: string }>(token, { secret });
    const device = await this.dataSource.manager.findOneBy('devices', {
      account_id: claims.sub,
      id: claims.did,
    });
    if (!device) throw new UnauthorizedException();
    return claims.sub;
  }

  async pull(accountId: string, lastPulledAt: number) {
    const timestamp = Date.now();
    const changes: Record<string, unknown> = {};
    for (const table of tables) {
      const rows: ObjectLiteral[] = await this.dataSource.manager.find(table, {
        where: { account_id: accountId, last_modified: MoreThan(lastPulledAt) },
      });
      changes[table] = {
        created: [],
        updated: rows.filter(({ is_deleted }) => !is_deleted).map(toRaw),
        deleted: rows.filter(({ is_deleted }) => is_deleted).map(({ id }) => id as string),
      };
    }
    return { changes, timestamp };
  }

  async push(accountId: string, push: Push) {
    const timestamp = Date.now();
    await this.inTransaction(async (manager) => {
      for (const table of tables) {
        const { created = [], updated = [], deleted = [] } = push.changes[table] ?? {};
        for (const row of [...created, ...updated]) {
          await this.findUnchanged(manager, table, accountId, row.id, push.last_pulled_at);
          await manager.save(table, {
            ...row,
            account_id: accountId,
            last_modified: timestamp,
            is_deleted: false,
          });
        }
        for (const id of deleted) {
          const stored = await this.findUnchanged(manager, table, accountId, id, push.last_pulled_at);
          if (stored) await manager.save(table, { ...stored, last_modified: timestamp, is_deleted: true });
        }
      }
    });
    return { ok: true, timestamp };
  }

  private async findUnchanged(
    manager: EntityManager,
    table: string,
    accountId: string,
    id: string,
    lastPulledAt: number,
  ): Promise<ObjectLiteral | null> {
    const stored: ObjectLiteral | null = await manager.findOneBy(table, { account_id: accountId, id });
    if (stored && stored.last_modified > lastPulledAt) throw new ConflictException();
    return stored;
  }

  /** Runs transactions one after another, as TypeORM's only SQLite connection cannot have two at once. */
  private inTransaction(work: (manager: EntityManager) => Promise<void>): Promise<void> {
    if (this.dataSource.options.type === 'postgres') return this.dataSource.transaction(work);
    const result = this.lastWrite.then(() => this.dataSource.transaction(work));
    this.lastWrite = result.catch(() => undefined);
    return result;
  }
}

function toRaw({ account_id: _account, last_modified: _stamp, is_deleted: _deleted, ...raw }: ObjectLiteral) {
  return raw;
}
