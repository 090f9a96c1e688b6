import { ApiProperty } from '@nestjs/swagger';
import type { DescribedTable } from '../protocol/described-tables.js';

/** Answer of `GET /sync/meta`. */
export class MetaAnswer {
  history_id!: string;
  @ApiProperty({ type: 'integer' })
  schema_version!: number;
  @ApiProperty({ type: 'integer' })
  protocol_version!: number;
  tables!: string[];
  /** The declared tables by name, with their columns, for apps to compare with theirs. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/DescribedTable' } })
  declaration!: Record<string, DescribedTable>;
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
