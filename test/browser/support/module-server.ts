import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { transform } from '@swc/core';

const TYPES: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
/** What the client imports from packages, as files that browsers can load. */
const PACKAGES: [RegExp, string][] = [
  [/(['"])(@vlcn\.io\/wa-sqlite\/[^'"]+)\1/g, '$1/node_modules/$2$1'],
  [/(['"])socket\.io-client\1/g, '$1/node_modules/socket.io-client/dist/socket.io.esm.min.js$1'],
];

/** Serves an empty page, and the project's files as modules: TypeScript is compiled when it is asked for. */
export class ModuleServer implements AsyncDisposable {
  private readonly extra = new Map<string, { body: Buffer; bytesPerSecond: number | null }>();
  private readonly server = createServer((request, response) => {
    const path = normalize(new URL(request.url!, 'http://localhost').pathname);
    this.read(path).then(
      async (file) => {
        response.statusCode = file ? 200 : 404;
        if (file) response.setHeader('content-type', file.type);
        const slow = this.extra.get(path)?.bytesPerSecond;
        for (let at = 0; file && slow && at < file.body.length && !response.destroyed; at += slow / 10) {
          response.write(file.body.subarray(at, at + slow / 10));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        response.end(slow ? undefined : file?.body);
      },
      (error: unknown) => response.destroy(error as Error),
    );
  });

  static async start(): Promise<ModuleServer> {
    const modules = new ModuleServer();
    await new Promise<void>((resolve) => modules.server.listen(0, '127.0.0.1', resolve));
    return modules;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Serves a file, too. @param bytesPerSecond null: as fast as it goes @returns its address */
  add(name: string, body: Buffer, bytesPerSecond: number | null = null): string {
    this.extra.set(`/${name}`, { body, bytesPerSecond });
    return `${this.url}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async read(path: string): Promise<{ type: string; body: Buffer } | null> {
    const extra = this.extra.get(path);
    if (extra) return { type: 'application/octet-stream', body: extra.body };
    if (path === '/') return { type: 'text/html', body: Buffer.from('<!doctype html><title>Test</title>') };
    const file = join(process.cwd(), path);
    const source = file.replace(/\.js$/, '.ts');
    if (!path.startsWith('/node_modules/') && existsSync(source)) {
      return { type: TYPES['.js']!, body: Buffer.from(await compiled(source)) };
    }
    if (!existsSync(file)) return null;
    return { type: TYPES[extname(file).replace('.mjs', '.js')] ?? 'text/plain', body: readFileSync(file) };
  }
}

async function compiled(file: string): Promise<string> {
  const { code } = await transform(readFileSync(file, 'utf8'), {
    filename: file,
    configFile: false,
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  return PACKAGES.reduce((text, [name, path]) => text.replace(name, path), code);
}
