import IncrementalIndexedDBAdapter from 'lokijs/src/incremental-indexeddb-adapter';

const { deleteDatabase } = IncrementalIndexedDBAdapter.prototype;

/**
 * Makes LokiJS delete a database only after the current read has ended. At a first start WatermelonDB deletes the empty
 * database while reading it; browsers block that deletion and report an error.
 */
export function deletePatiently(): void {
  IncrementalIndexedDBAdapter.prototype.deleteDatabase = function (name, done) {
    setTimeout(() => deleteDatabase.call(this, name, done));
  };
}
