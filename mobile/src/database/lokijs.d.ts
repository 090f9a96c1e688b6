// WatermelonDB brings LokiJS along, without types.
declare module 'lokijs/src/incremental-indexeddb-adapter' {
  export default class IncrementalIndexedDBAdapter {
    deleteDatabase(name: string, done: (result: { success: boolean }) => void): void;
  }
}
