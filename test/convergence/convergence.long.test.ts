import { forEachDatabase } from '../support/app.js';
import { expectAgreement } from './agreement.js';
import { keptRuns } from './seeds.js';

forEachDatabase((database) => {
  test.each(keptRuns)('all phones and the server agree in the end: seed $seed ($why)', (run) =>
    expectAgreement(database, run),
  );
});
