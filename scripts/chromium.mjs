// Finds the browser for the browser tests.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root, say } from './setup.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC_APP = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
const unpackedFolder = join(root, 'node_modules', '.cache', 'tidemark-chromium');

/** The path of a Chromium that starts: CHROMIUM_PATH, else one on PATH, else the one from a package; null: none. */
export function findChromium() {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return starts(CHROMIUM_PATH) ? CHROMIUM_PATH : null;
  return [...NAMES.flatMap(onPath), MAC_APP].find(starts) ?? unpack();
}

/** The possible full paths of a program: the browser tests cannot use a bare name. */
function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
}

function starts(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Unpacks the Chromium of @sparticuz/chromium (Linux on x64), and beside it the libraries that it needs. */
function unpack() {
  const wrapper = join(unpackedFolder, 'chromium.sh');
  if (existsSync(wrapper)) return starts(wrapper) ? wrapper : null;
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  say('No Chromium on this machine; unpacking the one that comes along …');
  rmSync(unpackedFolder, { recursive: true, force: true });
  mkdirSync(unpackedFolder, { recursive: true });
  const script = "console.log(await (await import('@sparticuz/chromium')).default.executablePath())";
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    // The package unpacks into the temporary folder, and unpacks the libraries only if it thinks that it runs in CodeBuild.
    env: { ...process.env, TMPDIR: unpackedFolder, CODEBUILD_BUILD_IMAGE: 'nodejs20' },
  });
  if (result.status !== 0) return null;
  const lines = [
    '#!/bin/sh',
    `export LD_LIBRARY_PATH='${join(unpackedFolder, 'al2023', 'lib')}' FONTCONFIG_PATH='${join(unpackedFolder, 'fonts')}'`,
    `exec '${result.stdout.trim()}' "$@"`,
  ];
  writeFileSync(wrapper, `${lines.join('\n')}\n`);
  chmodSync(wrapper, 0o755);
  return starts(wrapper) ? wrapper : null;
}
