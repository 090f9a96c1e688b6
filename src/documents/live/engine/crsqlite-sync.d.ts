declare module '@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs' {
  /** Instantiates the module, as Emscripten builds it. */
  export default function createModule(options: object): Promise<unknown>;
}
