import { quietLog } from '../../src/database/quiet-log';

// Node 20 has them, but Jest 29 gives tests globals of their own without them.
const symbols = Symbol as unknown as Record<'dispose' | 'asyncDispose', symbol>;
symbols.dispose ??= Symbol.for('Symbol.dispose');
symbols.asyncDispose ??= Symbol.for('Symbol.asyncDispose');

quietLog();
