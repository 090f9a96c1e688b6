import { createRequire } from 'node:module';
import { TestEnvironment } from 'jest-environment-node';

/** Jest's environment for Node, with Node's own `require` in it: see load-natively.mjs. */
export default class extends TestEnvironment {
  constructor(...args) {
    super(...args);
    this.global.requireNatively = createRequire(import.meta.url);
  }
}
