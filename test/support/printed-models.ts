import { join } from 'node:path';
import { Database, type AppSchema, type Model, type SchemaMigrations } from '@nozbe/watermelondb';
import * as lokijs from '@nozbe/watermelondb/adapters/lokijs/index.js';
import * as logging from '@nozbe/watermelondb/utils/common/logger/index.js';
import ts from 'typescript';

/** What a module printed by `tidemark tables model` exports, beside its classes. */
export interface PrintedModels {
  schema: AppSchema;
  migrations: SchemaMigrations;
  modelClasses: (typeof Model)[];
  parents: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** How apps that use decorators compile. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  experimentalDecorators: true,
  useDefineForClassFields: false,
};

/** Compiles a printed module and runs it, with the WatermelonDB of the tests. */
export function runPrinted(code: string, overrides: ts.CompilerOptions = {}): PrintedModels {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { ...options, module: ts.ModuleKind.CommonJS, esModuleInterop: true, ...overrides },
  });
  const exports = {};
  new Function('require', 'exports', outputText)(require, exports);
  return exports as PrintedModels;
}

/** Checks files as a strict TypeScript project in this one's folder. @returns the compiler's complaints */
export function complaintsAbout(files: Record<string, string>, overrides: ts.CompilerOptions = {}): string[] {
  const strict: ts.CompilerOptions = {
    ...options,
    strict: true,
    noImplicitOverride: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    isolatedModules: true,
    emitDecoratorMetadata: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
    types: [],
    skipLibCheck: true,
    noEmit: true,
    ...overrides,
  };
  const host = ts.createCompilerHost(strict);
  const texts = new Map(Object.entries(files).map(([name, text]) => [join(process.cwd(), name), text]));
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) =>
    texts.has(path)
      ? ts.createSourceFile(path, texts.get(path)!, version)
      : getSourceFile(path, version, ...rest);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([...texts.keys()], strict, host))
    .map(({ messageText, file, start }) => {
      const line = file && ts.getLineAndCharacterOfPosition(file, start!).line + 1;
      return `${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
}

const LokiJSAdapter = lokijs.default as unknown as typeof lokijs.default.default;
const logger = logging.default as unknown as { silence(): void };
logger.silence();

/** One start of an app on its database in memory. */
export interface OpenedModels {
  database: Database;
  /** Ends the app; a newer release starts on what it saved. */
  save(): Promise<unknown>;
}

/** Starts an app with printed models. @param saved by an earlier release */
export async function openPrinted(models: PrintedModels, saved?: unknown): Promise<OpenedModels> {
  const { schema, migrations, modelClasses } = models;
  const adapter = new LokiJSAdapter({
    schema,
    migrations,
    useWebWorker: false,
    useIncrementalIndexedDB: true,
    extraLokiOptions: { autosave: false },
    ...(saved ? { _testLokiAdapter: saved as never } : {}),
  });
  const database = new Database({ adapter, modelClasses });
  await database.adapter.getLocal('anything'); // answered once the database is set up
  const save = async () => {
    const { loki } = adapter._driver;
    await new Promise<void>((resolve, reject) => {
      loki.saveDatabase((error?: Error) => (error ? reject(error) : resolve()));
    });
    return loki.persistenceAdapter as unknown;
  };
  return { database, save };
}
