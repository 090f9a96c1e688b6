import { ApiProperty } from '@nestjs/swagger';

/** Answer of `GET /sync/meta`. */
export class MetaAnswer {
  history_id!: string;
  @ApiProperty({ type: 'integer' })
  schema_version!: number;
  @ApiProperty({ type: 'integer' })
  protocol_version!: number;
  tables!: string[];
}

/** Answer of `GET /sync/status`. */
export class StatusAnswer {
  /** Whether a pull would return nothing. */
  up_to_date!: boolean;
  /** The account’s clock. */
  @ApiProperty({ type: 'integer', format: 'int64' })
  timestamp!: number;
  history_id!: string;
  @ApiProperty({ type: 'integer' })
  schema_version!: number;
}
