// The parts of the engine's package that are used here; it has no types of its own for them.

declare module '@vlcn.io/wa-sqlite/dist/crsqlite.mjs' {
  const factory: (options: Record<string, unknown>) => Promise<import('./wasm.js').Wasm>;
  export default factory;
}

declare module '@vlcn.io/wa-sqlite/src/examples/IDBBatchAtomicVFS.js' {
  export const IDBBatchAtomicVFS: new (
    idbName: string,
    options: { durability: 'strict' },
  ) => import('./wasm.js').Vfs;
}

declare module '@vlcn.io/wa-sqlite/src/examples/MemoryVFS.js' {
  export const MemoryVFS: new () => import('./wasm.js').Vfs;
}
