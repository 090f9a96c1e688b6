// `npm run mobile`: runs Expo's development server, from which a development build on a phone loads the app.
import { spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { appFolder, ensureAppInstalled } from './app.mjs';
import { binPath, say } from './setup.mjs';

await ensureAppInstalled();
// A phone needs this machine's network address; on the phone, "localhost" is the phone itself.
const address = Object.values(networkInterfaces())
  .flat()
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const server =
  process.env.EXPO_PUBLIC_API_URL || `http://${address ?? 'localhost'}:${process.env.PORT || 3000}`;
say(
  `The app will look for its server at ${server} (set EXPO_PUBLIC_API_URL to change it); start it with npm start.`,
);

const child = spawn(
  process.execPath,
  [binPath('expo', 'expo', appFolder), 'start', ...process.argv.slice(2)],
  {
    cwd: appFolder,
    stdio: 'inherit',
    env: { EXPO_NO_TELEMETRY: '1', ...process.env, EXPO_PUBLIC_API_URL: server },
  },
);
// The terminal sends Ctrl-C to Expo too.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('close', (code) => (process.exitCode = code ?? 1));
