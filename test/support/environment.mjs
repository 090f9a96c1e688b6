import { createRequire } from 'node:module';
import { TestEnvironment } from 'jest-environment-node';

const workerCache = new Map();

/** Jest's environment for Node, with Node's own `require` in it: see load-natively.mjs, worker-cache.ts. */
export default class extends TestEnvironment {
  constructor(...args) {
    super(...args);
    this.global.requireNatively = createRequire(import.meta.url);
    this.global.workerCache = workerCache;
  }
}
