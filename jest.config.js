const sources = `^${import.meta.dirname.replace(/[^\w/]/g, '\\$&')}/src/`;

/**
 * Tests are compiled to CommonJS, as Jest's own ESM mode cannot load a part of the dependencies on Node 20. The server and
 * all dependencies are not: Node loads them, see test/support/load-natively.mjs.
 * @type {import('jest').Config}
 */
export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons', 'module-sync'] },
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['<rootDir>/test/browser/'],
  transform: {
    // WatermelonDB wants promises of its own realm.
    [`/node_modules/(?!@nozbe/watermelondb/)|${sources}`]: '<rootDir>/test/support/load-natively.mjs',
    '\\.[cm]?[jt]s$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
          target: 'es2022',
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: [],
  moduleNameMapper: {
    '^@tidemark/client$': '<rootDir>/client/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // The app is tested here too; it must not bring second copies of these along.
    '^(@nozbe/watermelondb|socket\\.io-client)(/.*)?$': '<rootDir>/node_modules/$1$2',
  },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  setupFiles: ['<rootDir>/test/support/disposal-errors.ts'],
  maxWorkers: 2,
  testTimeout: 300_000,
};
