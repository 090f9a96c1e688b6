import { Controller, Get, Header, SetMetadata } from '@nestjs/common';
import { schema } from '../../src/protocol/tables.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const empty = Object.keys(schema.tables).map(
  (table) => `"${table}":{"created":[],"updated":[],"deleted":[]}`,
);
/** A text as long as the answer of a pull with nothing new. */
const NOTHING_NEW = `{"changes":{${empty.join()}},"timestamp":1790000000000,"history_id":"00000000-0000-4000-8000-000000000000","schema_version":1}`;

/** Routes that answer a constant text, like a pull with nothing new, without any work: the upper limit of a route. */
@Controller('constant')
export class ConstantController {
  @Get('guarded')
  @Header('content-type', JSON_TYPE)
  guarded(): string {
    return NOTHING_NEW;
  }

  @Get('unguarded')
  @Header('content-type', JSON_TYPE)
  @SetMetadata('isPublic', true) // the metadata that Tidemark's @Public() sets
  unguarded(): string {
    return NOTHING_NEW;
  }
}
