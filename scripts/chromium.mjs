// Finds the browser of the browser tests.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root, say } from './setup.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC_APP = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
const unpackedFolder = join(root, 'node_modules', '.cache', 'tidemark-chromium');

/** The program of a Chromium that starts: CHROMIUM_PATH, else one on PATH, else the one a package brings; null: none. */
export function findChromium() {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return starts(CHROMIUM_PATH) ? CHROMIUM_PATH : null;
  return [...NAMES.flatMap(onPath), MAC_APP].find(starts) ?? unpack();
}

/** Where a program may lie; who drives a browser wants the whole path. */
function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
}

function starts(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Unpacks the Chromium of @sparticuz/chromium, made for Linux on x64, with the libraries it needs beside it. */
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
    // It unpacks into the temporary folder, and its libraries only where it believes to be in a cloud's build.
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
