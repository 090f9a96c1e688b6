import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { cleanText } from '../protocol/columns.js';
import {
  LOCK_TYPES,
  SESSION_ID_PATTERN,
  type DocumentLock,
  type DocumentState,
  type LockType,
  type StoredVersion,
} from '../protocol/documents.js';

const INT64 = { type: 'integer', format: 'int64' } as const;
const SESSION_ID = { pattern: SESSION_ID_PATTERN.source };
/** `<video>/<kind>` */
const AFTER_PATTERN = /^[A-Za-z0-9_-]+\/[a-z0-9_]+$/;
const isSessionId = {
  message: 'session_id must have 1 to 64 letters, digits, -, _ and .',
};

/** A state of a document's content. */
export class ContentVersionAnswer {
  /** Grows when the whole content is replaced; 0: there is none. */
  @ApiProperty(INT64)
  epoch!: number;
  /** Grows with every change within the epoch. */
  @ApiProperty(INT64)
  server_version!: number;
}

/** Who holds a lock. */
export class LockHolderAnswer {
  /** Null: a job on the server’s side. */
  user_id!: string | null;
  device_id!: string | null;
  /**
   * What to call the holder.
   * @example 'Kitchen laptop'
   */
  name!: string;
  session_id!: string;
}

/** A lock that somebody holds. */
export class DocumentLockAnswer implements DocumentLock {
  @ApiProperty({ enum: LOCK_TYPES })
  lock_type!: LockType;
  reason!: string | null;
  holder!: LockHolderAnswer;
  /** Epoch ms. */
  @ApiProperty(INT64)
  acquired_at!: number;
  /** Epoch ms; when it ends unless it is renewed. */
  @ApiProperty(INT64)
  expires_at!: number;
}

/** A lock, as one who asks sees it. */
export class SeenLockAnswer extends DocumentLockAnswer {
  /** Whether it belongs to the user who asks. */
  mine!: boolean;
}

/** What is known of a document. */
export class DocumentStateAnswer extends ContentVersionAnswer implements DocumentState {
  video_id!: string;
  /**
   * The document’s kind.
   * @example 'layout'
   */
  database!: string;
  /** Whether it has content. */
  exists!: boolean;
  /** The newest version in object storage. */
  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/ContentVersionAnswer' }, { type: 'null' }],
    nullable: false,
  })
  stored_version!: ContentVersionAnswer | null;
  /** Null: nobody holds it. */
  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/SeenLockAnswer' }, { type: 'null' }],
    nullable: false,
  })
  lock!: SeenLockAnswer | null;
  /** Of the content, inflated. */
  @ApiProperty(INT64)
  size_bytes!: number;
  /** Epoch ms. */
  @ApiProperty({ ...INT64, nullable: true })
  updated_at!: number | null;
  /** Epoch ms. */
  @ApiProperty({ ...INT64, nullable: true })
  uploaded_at!: number | null;
  /** Scheduled uploads that failed since the last upload that did not. */
  @ApiProperty(INT64)
  upload_failures!: number;
}

/** Documents of an account. */
export class DocumentListAnswer {
  documents!: DocumentStateAnswer[];
  /** Pass it as `after`; null: these are the last. */
  next!: string | null;
  /** The kinds of documents that this server knows. */
  kinds!: string[];
}

/** One version in object storage. */
export class StoredVersionAnswer extends ContentVersionAnswer implements StoredVersion {
  /** Of the gzipped object. */
  @ApiProperty(INT64)
  size_bytes!: number;
  /** Of the gzipped object, in hexadecimal. */
  sha256!: string;
  /** Epoch ms. */
  @ApiProperty(INT64)
  uploaded_at!: number;
}

/** The versions of a document in object storage, the newest first. */
export class VersionListAnswer {
  versions!: StoredVersionAnswer[];
}

/** A lock that was granted. */
export class GrantedLockAnswer extends ContentVersionAnswer {
  @ApiProperty({ enum: [true] })
  granted!: true;
  session_id!: string;
  /** Goes with every write; grows with every change of holder. */
  @ApiProperty(INT64)
  fencing_token!: number;
  /** Epoch ms. */
  @ApiProperty(INT64)
  expires_at!: number;
  /** Where changes travel live; null: this server has no live changes of documents yet. */
  websocket_url!: string | null;
  /** Whether the content differs from the version that the client says it has. */
  needs_download!: boolean;
}

/** Body of `POST …/lock`. */
export class LockBody {
  @ApiProperty({ enum: LOCK_TYPES })
  @IsIn(LOCK_TYPES, { message: `lock_type must be one of ${LOCK_TYPES.join(', ')}` })
  lock_type!: LockType;

  /** The client’s own, one for each tab or window. */
  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;

  /** Why, for the people who have to wait. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? cleanText(value).trim() : value))
  @IsString()
  @MaxLength(200)
  reason?: string | null;

  /** Take it from another user, too. */
  @IsOptional()
  @IsBoolean()
  take_over?: boolean | null;

  /** Of the version that the client has. */
  @ApiPropertyOptional({ ...INT64, minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  epoch?: number | null;

  /** Of the version that the client has. */
  @ApiPropertyOptional({ ...INT64, minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  server_version?: number | null;
}

/** Query of `DELETE …/lock`. */
export class UnlockQuery {
  /** The client’s own, one for each tab or window. */
  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;
}

/** Query of `PUT …/content`. */
export class ContentQuery extends UnlockQuery {
  /** As the lock’s answer said it. */
  @ApiProperty({ ...INT64, minimum: 0 })
  @Transform(({ value }) => (/^\d{1,15}$/.test(String(value)) ? Number(value) : NaN))
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

  /** `next` of the answer before. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  @Matches(AFTER_PATTERN, { message: 'after must be the next of the answer before.' })
  after?: string;
}
