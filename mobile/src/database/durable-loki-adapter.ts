import LokiJSAdapter from '@nozbe/watermelondb/adapters/lokijs/index.js';
import type { ResultCallback } from '@nozbe/watermelondb/utils/fp/Result/index.js';

type Adapter = LokiJSAdapter;
type Arguments<K extends keyof Adapter> = Adapter[K] extends (...args: infer A) => unknown ? A : never;

/**
 * A LokiJS adapter that reports a write as done only when it is in IndexedDB. LokiJS alone saves twice a second; if the
 * page closes in between, the writes since the last save are lost.
 */
export class DurableLokiAdapter extends LokiJSAdapter {
  override batch(...[operations, done]: Arguments<'batch'>): void {
    super.batch(operations, this.whenSaved(done));
  }

  override destroyDeletedRecords(...[table, ids, done]: Arguments<'destroyDeletedRecords'>): void {
    super.destroyDeletedRecords(table, ids, this.whenSaved(done));
  }

  override setLocal(...[key, value, done]: Arguments<'setLocal'>): void {
    super.setLocal(key, value, this.whenSaved(done));
  }

  override removeLocal(...[key, done]: Arguments<'removeLocal'>): void {
    super.removeLocal(key, this.whenSaved(done));
  }

  private whenSaved<T>(done: ResultCallback<T>): ResultCallback<T> {
    return (result) => {
      if ('error' in result) return done(result);
      const { loki } = this._driver as { loki: { saveDatabase(done: (error?: Error) => void): void } };
      loki.saveDatabase((error) => done(error ? { error } : result));
    };
  }
}
