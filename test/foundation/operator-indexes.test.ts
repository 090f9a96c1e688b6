import { checkTables } from '../../src/commands/tables-check.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { ref, text } from '../../src/protocol/columns.js';
import { declareSchema, type Tables } from '../../src/protocol/schema.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase } from '../support/app.js';
import { createStorage } from '../support/storage.js';

const habits = { since: 1, columns: { name: text() } };
const before: Tables = { habits, tags: { since: 1, columns: { label: text() } } };
const after: Tables = {
  habits,
  tags: { since: 1, columns: { label: text(), habit_id: ref('habits', { since: 2 }) } },
};

forEachDatabase((database) => {
  test.each([
    ['a database', false],
    ['a database of before declarations were stored', true],
  ])(
    "in %s an operator's index makes no column a reference, and is in the way of none",
    async (_name, isOld) => {
      const storage = await createStorage(database);
      const config = loadConfig({ argv: [], env: { ...storage.env } });
      const open = (tables: Tables) => openDatabase(config, declareSchema(tables), serverTables);
      try {
        const made = await open(before);
        await made.write('CREATE INDEX habits_by_name ON habits (name)');
        await made.write('CREATE INDEX tags_by_habit_id ON tags (label)');
        if (isOld) {
          await made.write('DROP TABLE record_tables');
          await made.write(`DELETE FROM migrations WHERE name LIKE 'RecordTables%'`);
        }
        await made.close();
        const message = expect.stringMatching(
          /^Column "tags\.habit_id" cannot be added: .* called "tags_by_habit_id"/,
        );
        await expect(checkTables(config, declareSchema(after))).rejects.toMatchObject({ message });
        await expect(open(after)).rejects.toMatchObject({ message });
        await (await open(before)).close();
      } finally {
        await storage.dispose();
      }
    },
  );
});
