import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Config } from './config.js';

/** Injection token of the settings. */
export const CONFIG = Symbol('config');

/** Injection token of the server's clock: epoch milliseconds. */
export const NOW = Symbol('now');

/** A clock: epoch milliseconds. */
export type Now = () => number;

/** Makes the settings and the clock available everywhere. */
@Global()
@Module({})
export class ConfigModule {
  /** For the module list: the settings, and optionally a clock for tests. */
  static with(config: Config, now: Now = Date.now): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: NOW, useValue: now },
    ];
    return { module: ConfigModule, providers, exports: providers };
  }
}
