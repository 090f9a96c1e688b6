import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { alternate, type Contender } from '../alternate.js';
import { Remote } from '../lab/remote.js';
import { writeDocument } from '../lab/documents.js';
import type { World } from '../lab/world.js';
import { judge, type Claim, type Measure } from '../results.js';
import type { StaticCalls } from '../server/static.js';
import { onEachDatabase } from './each-database.js';
import { figuresOf } from './http-load.js';

const MEGABYTES = 200;
const STATIC_TARGET = 0.8;
const MEMORY_TARGET_MIB = 64;

const NOTES = [
  `A document of ${MEGABYTES} MB that does not pack, downloaded from object storage in a folder by its signed address, one at a time. Static: node:http with a file stream piped into the answer, in a process of its own as well. Memory: by how much the server's resident memory rose at most.`,
];

type DownloadSample = { megabytesPerSecond: number; memoryMiB: number };

export const documentDownload: Measure = {
  name: 'document-download',
  title: 'Downloading a large document',
  run: (lab) =>
    onEachDatabase(lab, NOTES, async (world) => {
      const { device } = await world.newAccount();
      await writeDocument(device, 'large', { randomBytes: MEGABYTES * 1_000_000 });
      const reply = await device.request('GET', '/videos/large/database/layout/download-url');
      const { url } = reply.body as { url: string };
      const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
      try {
        const file = join(folder, 'large.gz');
        await pipeline(await answerOf(url), createWriteStream(file));
        await using plain = await Remote.start<StaticCalls>('server/static.ts', [file], {});
        const plainUrl = await plain.call('url');
        const series = await alternate(lab, {
          tidemark: download(`Tidemark on ${world.label}`, url, world),
          plain: download('plain static file server', plainUrl, null),
        });
        const claims: Claim[] = [
          {
            compares: `${world.label}: download of ${MEGABYTES} MB, MB/s ÷ those of a plain static file server`,
            value: series.tidemark.median('megabytesPerSecond') / series.plain.median('megabytesPerSecond'),
            unit: '×',
            bound: '≥',
            target: STATIC_TARGET,
          },
          {
            compares: `${world.label}: memory that a download of ${MEGABYTES} MB takes`,
            value: series.tidemark.median('memoryMiB'),
            unit: 'MiB',
            bound: '≤',
            target: MEMORY_TARGET_MIB,
          },
        ];
        return {
          figures: figuresOf(series, [
            ['megabytesPerSecond', 'download', 'MB/s'],
            ['memoryMiB', 'memory', 'MiB'],
          ]),
          claims: await judge(claims),
        };
      } finally {
        await rm(folder, { recursive: true });
      }
    }),
};

function download(name: string, url: string, world: World | null): Contender<DownloadSample> {
  return {
    name,
    run: async () => {
      await world?.tidemark.remote.call('watch');
      const begun = performance.now();
      let bytes = 0;
      const count = new Writable({
        write: (chunk: Buffer, _encoding, done) => ((bytes += chunk.length), done()),
      });
      await pipeline(await answerOf(url), count);
      const megabytesPerSecond = bytes / 1_000 / (performance.now() - begun);
      const watched = await world?.tidemark.remote.call('unwatch');
      return { megabytesPerSecond, memoryMiB: watched ? watched.peakResidentMiB - watched.residentMiB : NaN };
    },
  };
}

function answerOf(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, (answer) => {
      if (answer.statusCode === 200) resolve(answer);
      else reject(new Error(`Not downloaded: ${answer.statusCode}`));
    }).once('error', reject);
  });
}
