import { Session } from 'node:inspector/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const SAMPLE_EVERY_US = 200;
const LINES = 12;

/** Where a process spent its time: the share (0 to 1) of each function, without the functions that it called. */
export type Profile = { share: number; place: string }[];

/** Starts to sample this process. @returns a function that stops sampling and returns the places that took most time */
export async function profileProcess(): Promise<() => Promise<Profile>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
  await session.post('Profiler.start');
  return async () => {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    const samples = new Map<string, number>();
    let total = 0;
    for (const { callFrame, hitCount = 0 } of profile.nodes) {
      total += hitCount;
      const place = placeOf(callFrame);
      samples.set(place, (samples.get(place) ?? 0) + hitCount);
    }
    return [...samples]
      .sort(([, a], [, b]) => b - a)
      .slice(0, LINES)
      .map(([place, count]) => ({ share: count / total, place }));
  };
}

function placeOf({
  functionName,
  url,
  lineNumber,
}: {
  functionName: string;
  url: string;
  lineNumber: number;
}): string {
  const name = functionName || '(anonymous)';
  if (url === '') return name; // native code, or one of (idle), (program), (garbage collector)
  const file = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
  return `${name} ${file.replace(/^.*node_modules\//, '')}:${lineNumber + 1}`;
}
