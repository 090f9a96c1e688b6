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

const EPOCH_MS = { type: 'integer', format: 'int64', description: 'Epoch ms.' } as const;
const COUNT = { type: 'integer', format: 'int64' } as const;
const SESSION_ID = {
  pattern: SESSION_ID_PATTERN.source,
  description: 'The client’s own, one for each tab or window.',
};
/** `<video>/<kind>` */
const AFTER_PATTERN = /^[A-Za-z0-9_-]+\/[a-z0-9_]+$/;
const isSessionId = {
  message: 'session_id must have 1 to 64 letters, digits, -, _ and .',
};

/** A state of a document's content. */
export class ContentVersionAnswer {
  @ApiProperty({ ...COUNT, description: 'Grows when the whole content is replaced; 0: there is none.' })
  epoch!: number;
  @ApiProperty({ ...COUNT, description: 'Grows with every change within the epoch.' })
  server_version!: number;
}

/** Who holds a lock. */
export class LockHolderAnswer {
  @ApiProperty({ type: String, nullable: true, description: 'Null: a job on the server’s side.' })
  user_id!: string | null;
  @ApiProperty({ type: String, nullable: true }) device_id!: string | null;
  @ApiProperty({ description: 'What to call the holder.', example: 'Kitchen laptop' }) name!: string;
  @ApiProperty() session_id!: string;
}

/** A lock that somebody holds. */
export class DocumentLockAnswer implements DocumentLock {
  @ApiProperty({ enum: LOCK_TYPES }) lock_type!: LockType;
  @ApiProperty({ type: String, nullable: true }) reason!: string | null;
  @ApiProperty({ type: LockHolderAnswer }) holder!: LockHolderAnswer;
  @ApiProperty(EPOCH_MS) acquired_at!: number;
  @ApiProperty({ ...EPOCH_MS, description: 'Epoch ms; when it ends unless it is renewed.' })
  expires_at!: number;
}

/** A lock, as one who asks sees it. */
export class SeenLockAnswer extends DocumentLockAnswer {
  @ApiProperty({ description: 'Whether it belongs to the user who asks.' }) mine!: boolean;
}

/** What is known of a document. */
export class DocumentStateAnswer extends ContentVersionAnswer implements DocumentState {
  @ApiProperty() video_id!: string;
  @ApiProperty({ description: 'The document’s kind.', example: 'layout' }) database!: string;
  @ApiProperty({ description: 'Whether it has content.' }) exists!: boolean;
  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/ContentVersionAnswer' }, { type: 'null' }],
    description: 'The newest version in object storage.',
  })
  stored_version!: ContentVersionAnswer | null;
  @ApiProperty({
    oneOf: [{ $ref: '#/components/schemas/SeenLockAnswer' }, { type: 'null' }],
    description: 'Null: nobody holds it.',
  })
  lock!: SeenLockAnswer | null;
  @ApiProperty({ ...COUNT, description: 'Of the content, inflated.' }) size_bytes!: number;
  @ApiProperty({ ...EPOCH_MS, nullable: true }) updated_at!: number | null;
  @ApiProperty({ ...EPOCH_MS, nullable: true }) uploaded_at!: number | null;
  @ApiProperty({ ...COUNT, description: 'Scheduled uploads that failed since the last upload that did not.' })
  upload_failures!: number;
}

/** Documents of an account. */
export class DocumentListAnswer {
  @ApiProperty({ type: [DocumentStateAnswer] }) documents!: DocumentStateAnswer[];
  @ApiProperty({ type: String, nullable: true, description: 'Pass it as `after`; null: these are the last.' })
  next!: string | null;
  @ApiProperty({ type: [String], description: 'The kinds of documents that this server knows.' })
  kinds!: string[];
}

/** One version in object storage. */
export class StoredVersionAnswer extends ContentVersionAnswer implements StoredVersion {
  @ApiProperty({ ...COUNT, description: 'Of the gzipped object.' }) size_bytes!: number;
  @ApiProperty({ description: 'Of the gzipped object, in hexadecimal.' }) sha256!: string;
  @ApiProperty(EPOCH_MS) uploaded_at!: number;
}

/** The versions of a document in object storage, the newest first. */
export class VersionListAnswer {
  @ApiProperty({ type: [StoredVersionAnswer] }) versions!: StoredVersionAnswer[];
}

/** A lock that was granted. */
export class GrantedLockAnswer extends ContentVersionAnswer {
  @ApiProperty({ enum: [true] }) granted!: true;
  @ApiProperty() session_id!: string;
  @ApiProperty({ ...COUNT, description: 'Goes with every write; grows with every change of holder.' })
  fencing_token!: number;
  @ApiProperty(EPOCH_MS) expires_at!: number;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Where changes travel live; null: this server has no live changes of documents yet.',
  })
  websocket_url!: string | null;
  @ApiProperty({ description: 'Whether the content differs from the version that the client says it has.' })
  needs_download!: boolean;
}

/** Body of `POST …/lock`. */
export class LockBody {
  @ApiProperty({ enum: LOCK_TYPES })
  @IsIn(LOCK_TYPES, { message: `lock_type must be one of ${LOCK_TYPES.join(', ')}` })
  lock_type!: LockType;

  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;

  @ApiPropertyOptional({ maxLength: 200, description: 'Why, for the people who have to wait.' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? cleanText(value).trim() : value))
  @IsString()
  @MaxLength(200)
  reason?: string | null;

  @ApiPropertyOptional({ description: 'Take it from another user, too.' })
  @IsOptional()
  @IsBoolean()
  take_over?: boolean | null;

  @ApiPropertyOptional({ ...COUNT, minimum: 0, description: 'Of the version that the client has.' })
  @IsOptional()
  @IsInt()
  @Min(0)
  epoch?: number | null;

  @ApiPropertyOptional({ ...COUNT, minimum: 0, description: 'Of the version that the client has.' })
  @IsOptional()
  @IsInt()
  @Min(0)
  server_version?: number | null;
}

/** Query of `DELETE …/lock`. */
export class UnlockQuery {
  @ApiProperty(SESSION_ID)
  @Matches(SESSION_ID_PATTERN, isSessionId)
  session_id!: string;
}

/** Query of `PUT …/content`. */
export class ContentQuery extends UnlockQuery {
  @ApiProperty({ ...COUNT, minimum: 0, description: 'As the lock’s answer said it.' })
  @Transform(({ value }) => (/^\d{1,15}$/.test(String(value)) ? Number(value) : NaN))
  @IsInt()
  @Min(0)
  fencing_token!: number;
}

/** Query of `GET /documents`. */
export class ListQuery {
  @ApiPropertyOptional({ ...COUNT, minimum: 1, maximum: 1_000, default: 200 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit?: number;

  @ApiPropertyOptional({ description: '`next` of the answer before.' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  @Matches(AFTER_PATTERN, { message: 'after must be the next of the answer before.' })
  after?: string;
}
