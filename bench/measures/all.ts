import type { Measure } from '../results.js';
import { announcements } from './announcements.js';
import { connections } from './connections.js';
import { documentDownload } from './document-download.js';
import { documentLocks } from './document-locks.js';
import { documentState } from './document-state.js';
import { documentUploads, uploadTick } from './document-uploads.js';
import { firstPull } from './first-pull.js';
import { guard } from './guard.js';
import { hostile } from './hostile.js';
import { nothingNew } from './nothing-new.js';
import { push100k } from './push-100k.js';
import { push10k } from './push-10k.js';
import { roundPushes } from './round-pushes.js';
import { streaming } from './streaming.js';
import { webApp } from './web-app.js';

/** Every measure, in the order of the report. */
export const measures: Measure[] = [
  nothingNew,
  guard,
  firstPull,
  streaming,
  push10k,
  push100k,
  roundPushes,
  announcements,
  connections,
  hostile,
  webApp,
  documentState,
  documentLocks,
  documentDownload,
  documentUploads,
  uploadTick,
];
