import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncToDiskSync } from '../../../foundation/files/sync-to-disk.js';

// SQLite's result codes and flags; see sqlite.org/rescode.html and sqlite.org/c3ref/c_open_autoproxy.html.
const OK = 0;
const NOT_FOUND = 12;
const FULL = 13;
const CANNOT_OPEN = 14;
const IOERR_READ = 266;
const IOERR_SHORT_READ = 522;
const IOERR_WRITE = 778;
const IOERR_FSYNC = 1034;
const IOERR_DIR_FSYNC = 1290;
const IOERR_TRUNCATE = 1546;
const IOERR_FSTAT = 1802;
const IOERR_DELETE = 2570;
const IOERR_DELETE_NOENT = 5898;
const IOERR_ACCESS = 3338;
const IOERR_CLOSE = 4106;
const OPEN_CREATE = 0x4;
/** As SQLite's own VFS for Unix: a write never harms bytes beside its range. */
const POWERSAFE_OVERWRITE = 0x1000;
const SECTOR_BYTES = 4096;

const JOURNAL = '-journal';

/**
 * Files for SQLite, blocking. SQLite knows them by short ids (names are limited to 64 bytes), so that it can open no file
 * that it was not given: `ATTACH` finds nothing. There are no locks: a file has one owner. The methods are called from
 * WebAssembly, so they return codes and never throw; `takeFault` tells what the system said.
 */
export class FileVfs {
  readonly name = 'files';
  private readonly paths = new Map<string, string>();
  private readonly open = new Map<number, { descriptor: number; path: string }>();
  private nextId = 1;
  private fault: NodeJS.ErrnoException | null = null;

  /** Lets SQLite open a file and its journal. @returns the name that SQLite opens */
  attach(path: string): string {
    const id = `f${this.nextId++}`;
    this.paths.set(id, path);
    return id;
  }

  /** Takes a file away from SQLite. */
  detach(id: string): void {
    this.paths.delete(id);
  }

  /** The system's first error since the last call; null: none. */
  takeFault(): NodeJS.ErrnoException | null {
    const { fault } = this;
    this.fault = null;
    return fault;
  }

  xOpen(name: string | null, file: number, flags: number, outFlags: DataView): number {
    return this.guard(CANNOT_OPEN, () => {
      const path = name === null ? null : this.pathOf(name);
      if (path === null) return CANNOT_OPEN;
      const isNew = (flags & OPEN_CREATE) !== 0 && !existsSync(path);
      const create = isNew ? constants.O_CREAT | constants.O_EXCL : 0;
      const descriptor = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | create, 0o600);
      this.open.set(file, { descriptor, path });
      // A journal whose name is lost in a power cut cannot roll back.
      if (isNew) syncToDiskSync(dirname(path));
      outFlags.setInt32(0, flags, true);
      return OK;
    });
  }

  xClose(file: number): number {
    return this.guard(IOERR_CLOSE, () => {
      const { descriptor } = this.open.get(file)!;
      this.open.delete(file);
      closeSync(descriptor);
      return OK;
    });
  }

  xRead(file: number, target: Uint8Array, offset: number): number {
    return this.guard(IOERR_READ, () => {
      const { descriptor } = this.open.get(file)!;
      let done = 0;
      while (done < target.length) {
        const read = readSync(descriptor, target, done, target.length - done, offset + done);
        if (read === 0) {
          target.fill(0, done);
          return IOERR_SHORT_READ;
        }
        done += read;
      }
      return OK;
    });
  }

  xWrite(file: number, source: Uint8Array, offset: number): number {
    return this.guard(IOERR_WRITE, () => {
      const { descriptor } = this.open.get(file)!;
      for (let done = 0; done < source.length;) {
        done += writeSync(descriptor, source, done, source.length - done, offset + done);
      }
      return OK;
    });
  }

  xTruncate(file: number, bytes: number): number {
    return this.guard(IOERR_TRUNCATE, () => {
      ftruncateSync(this.open.get(file)!.descriptor, bytes);
      return OK;
    });
  }

  xSync(file: number, _flags: number): number {
    return this.guard(IOERR_FSYNC, () => {
      fdatasyncSync(this.open.get(file)!.descriptor);
      return OK;
    });
  }

  xFileSize(file: number, size: DataView): number {
    return this.guard(IOERR_FSTAT, () => {
      size.setBigInt64(0, BigInt(fstatSync(this.open.get(file)!.descriptor).size), true);
      return OK;
    });
  }

  xDelete(name: string, syncFolder: number): number {
    const path = this.pathOf(name);
    if (path === null) return IOERR_DELETE;
    return this.guard(IOERR_DELETE, () => {
      if (!existsSync(path)) return IOERR_DELETE_NOENT;
      unlinkSync(path);
      return syncFolder ? this.guard(IOERR_DIR_FSYNC, () => (syncToDiskSync(dirname(path)), OK)) : OK;
    });
  }

  xAccess(name: string, _flags: number, result: DataView): number {
    return this.guard(IOERR_ACCESS, () => {
      const path = this.pathOf(name);
      result.setInt32(0, path !== null && existsSync(path) ? 1 : 0, true);
      return OK;
    });
  }

  xLock(): number {
    return OK;
  }

  xUnlock(): number {
    return OK;
  }

  xCheckReservedLock(_file: number, result: DataView): number {
    result.setInt32(0, 0, true);
    return OK;
  }

  xFileControl(): number {
    return NOT_FOUND;
  }

  xSectorSize(): number {
    return SECTOR_BYTES;
  }

  xDeviceCharacteristics(): number {
    return POWERSAFE_OVERWRITE;
  }

  /** A known file's or its journal's path; null: neither. */
  private pathOf(name: string): string | null {
    const known = this.paths.get(name);
    if (known !== undefined) return known;
    const database = name.endsWith(JOURNAL) ? this.paths.get(name.slice(0, -JOURNAL.length)) : undefined;
    return database === undefined ? null : `${database}${JOURNAL}`;
  }

  /** @param code SQLite's code for an error that is not a full disk */
  private guard(code: number, work: () => number): number {
    try {
      return work();
    } catch (error) {
      const fault = error as NodeJS.ErrnoException;
      this.fault ??= fault;
      return fault.code === 'ENOSPC' || fault.code === 'EDQUOT' ? FULL : code;
    }
  }
}
