import IncrementalIndexedDBAdapter from 'lokijs/src/incremental-indexeddb-adapter';

const { deleteDatabase } = IncrementalIndexedDBAdapter.prototype;

/**
 * Has LokiJS delete a database only after its last reading has ended. At a first start WatermelonDB deletes the empty
 * database in the middle of reading it, and browsers then report a blocked deletion as an error.
 */
export function deletePatiently(): void {
  IncrementalIndexedDBAdapter.prototype.deleteDatabase = function (name, done) {
    setTimeout(() => deleteDatabase.call(this, name, done));
  };
}
