// Checks the Android app as far as possible without an Android SDK: the config plugin makes its edits in the project that
// Expo generates, and the app compiles to bytecode. For CI; works on a copy, so that mobile/ stays unchanged.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { appFolder, ensureAppInstalled } from './app.mjs';
import { excerpt, runQuietly } from './packages.mjs';
import { binPath, fail, listFiles, say } from './setup.mjs';

await ensureAppInstalled();
const expo = binPath('expo', 'expo', appFolder);
const scratch = mkdtempSync(join(tmpdir(), 'tidemark-android-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

const copy = join(scratch, 'mobile');
const isCopied = (path) => !['node_modules', 'dist', 'android', 'ios'].includes(basename(path));
cpSync(appFolder, copy, { recursive: true, filter: (path) => path === appFolder || isCopied(path) });
symlinkSync(join(appFolder, 'node_modules'), join(copy, 'node_modules'), 'dir');
await runExpo(['prebuild', '--no-install', '--platform', 'android'], copy);
expectIn('android/settings.gradle', 'watermelondb-jsi');
expectIn('android/app/build.gradle', 'watermelondb-jsi');
expectIn(findFile('MainApplication.kt'), 'WatermelonDBJSIPackage');
expectIn('android/app/proguard-rules.pro', 'com.nozbe.watermelondb');
say('The config plugin makes its edits.');

const bundle = join(scratch, 'bundle');
await runExpo(['export', '--platform', 'android', '--output-dir', bundle], appFolder);
if (!listFiles(bundle).some((path) => path.endsWith('.hbc')))
  fail('The export for Android holds no bytecode.');
say('The app compiles for Android.');

async function runExpo(args, cwd) {
  const env = { ...process.env, CI: '1', EXPO_NO_TELEMETRY: '1', EXPO_OFFLINE: '1' };
  const { status, output } = await runQuietly(process.execPath, [expo, ...args], { cwd, env });
  if (status === 0) return;
  say(excerpt(output));
  fail(`expo ${args[0]} failed; the lines above say why.`, status);
}

function findFile(name) {
  const path = listFiles(join(copy, 'android')).find((file) => basename(file) === name);
  return path?.slice(copy.length + 1) ?? fail(`The Android project has no ${name}.`);
}

function expectIn(path, text) {
  if (!readFileSync(join(copy, path), 'utf8').includes(text)) fail(`${path} does not mention ${text}.`);
}
