import { expectAgreement } from './agreement.js';

test('phones and the server agree in the end, after conflicts and names that are too long', () =>
  expectAgreement('sqlite', { seed: 109, steps: 120 }));
