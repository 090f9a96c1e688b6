import { quietLog } from '../../src/database/quiet-log';

// Node 20 has these symbols, but the globals that Jest 29 gives to tests do not.
const symbols = Symbol as unknown as Record<'dispose' | 'asyncDispose', symbol>;
symbols.dispose ??= Symbol.for('Symbol.dispose');
symbols.asyncDispose ??= Symbol.for('Symbol.asyncDispose');

quietLog();
