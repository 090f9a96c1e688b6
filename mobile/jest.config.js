const common = {
  moduleNameMapper: {
    // The client and the protocol are used as sources, where imports name files as they are once compiled.
    '^@tidemark/client$': '<rootDir>/../client/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^(@nozbe/watermelondb|socket\\.io-client)(/.*)?$': '<rootDir>/node_modules/$1$2',
  },
  setupFiles: ['<rootDir>/test/support/setup.ts'],
};

/** @type {import('jest').Config} */
module.exports = {
  projects: [
    {
      ...common,
      displayName: 'app',
      preset: 'jest-expo',
      setupFiles: [...common.setupFiles, '<rootDir>/test/support/screens.ts'],
      setupFilesAfterEnv: ['<rootDir>/test/support/patience.ts'],
      testMatch: ['<rootDir>/test/screens/**/*.test.{ts,tsx}', '<rootDir>/test/documents/**/*.test.tsx'],
    },
    {
      // What needs neither React nor a device runs in plain Node, against real servers.
      ...common,
      displayName: 'sync',
      testEnvironment: 'node',
      transform: { '\\.[jt]sx?$': ['babel-jest', { caller: { name: 'metro', platform: 'web' } }] },
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
      testMatch: ['<rootDir>/test/{database,documents,games,session,sync}/**/*.test.ts'],
    },
  ],
  maxWorkers: 2,
  testTimeout: 300_000,
};
