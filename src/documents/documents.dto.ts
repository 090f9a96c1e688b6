import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { cleanText } from '../protocol/columns.js';
import { MARK_PATTERN } from './version.js';
import {
  LOCK_TYPES,
  SESSION_ID_PATTERN,
  type DocumentLock,
  type DocumentState,
  type LockType,
  type StoredVersion,
} from '../protocol/documents.js';

const INT64 = { type: 'integer', format: 'int64' } as const;
const MARK = { type: 'string', pattern: MARK_PATTERN.source, nullable: true } as const;
const SESSION_ID = { pattern: SESSION_ID_PATTERN.source };
/** `<video>/<kind>` */
const AFTER_PATTERN = /^[A-Za-z0-9_-]+\/[a-z0-9_]+$/;
const isSessionId = {
  message: 'session_id must have 1 to 64 letters, digits, -, _ and .',
};

function toFencingToken({ value }: { value: unknown }): number | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : NaN;
}

/** A version of a document's content. */
export class ContentVersionAnswer {
  /** Grows when the whole content is replaced or restored; 0: no content. */
  @ApiProperty(INT64)
  epoch!: number;
  /** Grows with every change within the epoch. */
  @ApiProperty(INT64)
  server_version!: number;
  /**
   * Random; tells versions apart that were given the same number, as after the server’s data was put back to an earlier
   * state. Null: not known, as with versions from before there were marks.
   */
  @ApiProperty({ ...MARK, required: true })
  mark?: string | null;
}

/** Who holds a lock. */
export class LockHolderAnswer {
  /** Null: an operator’s job. */
  user_id!: string | null;
  device_id!: string | null;
  /**
   * A name for people.
   * @example 'Kitchen laptop'
   */
  name!: string;
  session_id!: string;
}

/** A lock and its holder. */
export class DocumentLockAnswer implements DocumentLock {
  @ApiProperty({ enum: LOCK_TYPES })
  lock_type!: LockType;
  reason!: string | null;
  holder!: LockHolderAnswer;
  /** Epoch ms. */
  @ApiProperty(INT64)
  acquired_at!: number;
  /** When it ends unless it is renewed, epoch ms. */
  @ApiProperty(INT64)
  expires_at!: number;
}

/** A lock as the requesting user sees it. */
export class SeenLockAnswer extends DocumentLockAnswer {
  /** Whether the requesting user holds it. */
  mine!: boolean;
}

/** A document’s state. */
export class DocumentStateAnswer extends ContentVersionAnswer implements DocumentState {
  video_id!: string;
  /**
   * The document’s kind.
   * @example 'layout'
   */
  database!: string;
  /** Whether it has content. */
  exists!: boolean;
  /** The newest version in object storage; null: none yet. */
  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/ContentVersionAnswer' }, { type: 'null' }],
    nullable: false,
  })
  stored_version!: ContentVersionAnswer | null;
  /** Null: not locked. */
  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/SeenLockAnswer' }, { type: 'null' }],
    nullable: false,
  })
  lock!: SeenLockAnswer | null;
  /** Size of the content before compression. */
  @ApiProperty(INT64)
  size_bytes!: number;
  /** When the content last changed, epoch ms; null: no content. */
  @ApiProperty({ ...INT64, nullable: true })
  updated_at!: number | null;
  /** Time of the last upload, epoch ms; null: never. */
  @ApiProperty({ ...INT64, nullable: true })
  uploaded_at!: number | null;
  /** How many scheduled uploads failed since the last successful one. */
  @ApiProperty(INT64)
  upload_failures!: number;
}

/** One page of an account’s documents. */
export class DocumentListAnswer {
  documents!: DocumentStateAnswer[];
  /** Pass it as `after` to get the next page; null: this is the last page. */
  next!: string | null;
  /** All kinds of documents that this server has. */
  kinds!: string[];
}

/** One version in object storage. */
export class StoredVersionAnswer extends ContentVersionAnswer implements StoredVersion {
  /** Size of the gzipped object. */
  @ApiProperty(INT64)
  size_bytes!: number;
  /** Hash of the gzipped object, in hexadecimal. */
  sha256!: string;
  /** Epoch ms. */
  @ApiProperty(INT64)
  uploaded_at!: number;
}

/** The versions of a document in object storage, the newest first. */
export class VersionListAnswer {
  versions!: StoredVersionAnswer[];
}

/** A granted lock, with the version of the content. */
export class GrantedLockAnswer extends ContentVersionAnswer {
  @ApiProperty({ enum: [true] })
  granted!: true;
  session_id!: string;
  /** Sent with every write; grows with every change of holder. */
  @ApiProperty(INT64)
  fencing_token!: number;
  /** Epoch ms. */
  @ApiProperty(INT64)
  expires_at!: number;
  /** Address for live changes, as Socket.IO takes it; null: a job's lock, whose holder writes whole contents. */
  websocket_url!: string | null;
  /** Whether the client cannot go on from the version that it says it has applied: that is of another epoch, or unknown. */
  needs_download!: boolean;
}

/** Body of `POST …/lock`. */
export class LockBody {
  @ApiProperty({ enum: LOCK_TYPES })
  @IsIn(LOCK_TYPES, { message: `lock_type must be one of ${LOCK_TYPES.join(', ')}` })
  lock_type!: LockType;

  /** Chosen by the client, one for each tab or window. */
  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;

  /** Why the lock is taken, for people who have to wait. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? cleanText(value).trim() : value))
  @IsString()
  @MaxLength(200)
  reason?: string | null;

  /** Take the lock even if another user holds it. */
  @IsOptional()
  @IsBoolean()
  take_over?: boolean | null;

  /** For locks of type client: give the document its kind’s empty tables if it has no content. */
  @IsOptional()
  @IsBoolean()
  create?: boolean | null;

  /** The epoch of the version that the client has applied. */
  @ApiPropertyOptional({ ...INT64, minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  epoch?: number | null;

  /** The server_version that the client has applied. */
  @ApiPropertyOptional({ ...INT64, minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  server_version?: number | null;

  /** The mark of the version that the client has; absent or null: it knows none. */
  @ApiPropertyOptional(MARK)
  @IsOptional()
  @Matches(MARK_PATTERN, { message: 'mark must be the mark of a version.' })
  mark?: string | null;
}

/** Query of `DELETE …/lock`. */
export class UnlockQuery {
  /** Chosen by the client, one for each tab or window. */
  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;

  /**
   * From the answer that granted the lock. With it, a request that arrives late cannot release a lock that the session was
   * granted since.
   */
  @ApiPropertyOptional({ ...INT64, minimum: 0 })
  @IsOptional()
  @Transform(toFencingToken)
  @IsInt()
  @Min(0)
  fencing_token?: number;
}

/** Query of `PUT …/content`. */
export class ContentQuery {
  /** Chosen by the client, one for each tab or window. */
  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;

  /** From the answer that granted the lock. */
  @ApiProperty({ ...INT64, minimum: 0 })
  @Transform(toFencingToken)
  @IsInt()
  @Min(0)
  fencing_token!: number;
}

/** Query of `GET /documents`. */
export class ListQuery {
  @ApiPropertyOptional({ ...INT64, minimum: 1, maximum: 1_000, default: 200 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit?: number;

  /** `next` of the previous page. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  @Matches(AFTER_PATTERN, { message: 'after must be the next of the answer before.' })
  after?: string;
}
