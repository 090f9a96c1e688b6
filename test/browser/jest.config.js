import server from '../../jest.config.js';

/**
 * The browser tests: the built app in a real browser, against real servers.
 * @type {import('jest').Config}
 */
export default {
  ...server,
  rootDir: '../..',
  roots: ['<rootDir>/test/browser'],
  testPathIgnorePatterns: [],
  globalSetup: '<rootDir>/test/browser/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/browser/support/global-teardown.mjs',
  testTimeout: 300_000,
};
