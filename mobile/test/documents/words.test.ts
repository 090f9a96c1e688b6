import { SyncError } from '@tidemark/client';
import type { DocumentLock, DocumentState } from '../../../src/protocol/documents.js';
import {
  describeContent,
  describeLock,
  describeLoss,
  describeUpload,
  explain,
  holderOf,
} from '../../src/documents/words';

const MINUTE_MS = 60_000;
const NOW = new Date(2026, 4, 4, 14, 30).getTime();

const state = (change: Partial<DocumentState> = {}): DocumentState => ({
  video_id: 'v1',
  database: 'layout',
  exists: true,
  epoch: 2,
  server_version: 1,
  stored_version: { epoch: 2, server_version: 1 },
  lock: null,
  size_bytes: 12_000,
  updated_at: NOW - 5 * MINUTE_MS,
  uploaded_at: NOW - 3 * MINUTE_MS,
  upload_failures: 0,
  ...change,
});

const lock = (change: Partial<DocumentLock & { mine: boolean }> = {}): DocumentState['lock'] => ({
  lock_type: 'client',
  reason: null,
  holder: { user_id: 'u', device_id: 'd', name: 'Bob’s laptop', session_id: 'theirs' },
  acquired_at: NOW - 10 * MINUTE_MS,
  expires_at: NOW + MINUTE_MS,
  mine: false,
  ...change,
});

test('what there is: size, version and when it changed', () => {
  expect(describeContent(state(), NOW)).toBe('12 KB · version 2-1 · changed 5 min ago');
  expect(describeContent(state({ exists: false }), NOW)).toBe('No content yet');
});

test('everything uploaded, waiting for upload, or failing', () => {
  expect(describeUpload(state(), NOW)).toEqual({ tone: 'green', text: 'Uploaded 3 min ago' });
  const stored_version = { epoch: 1, server_version: 1 };
  expect(describeUpload(state({ stored_version }), NOW)).toEqual({
    tone: 'yellow',
    text: 'Waiting for upload since 2:25 PM; version 1-1 was uploaded 3 min ago',
  });
  expect(describeUpload(state({ stored_version: null, uploaded_at: null, upload_failures: 3 }), NOW)).toEqual(
    {
      tone: 'red',
      text: 'Upload failed 3 times, the server keeps trying',
    },
  );
});

test('a lock is free, of this page, of the same person elsewhere, of someone else, or of a job', () => {
  const mine = { ...lock()!.holder, session_id: 'ours' };
  expect(holderOf(state(), 'ours')).toBe('nobody');
  expect(holderOf(state({ lock: lock({ holder: mine, mine: true }) }), 'ours')).toBe('page');
  expect(holderOf(state({ lock: lock({ mine: true }) }), 'ours')).toBe('person');
  expect(holderOf(state({ lock: lock() }), 'ours')).toBe('other');
  expect(holderOf(state({ lock: lock({ lock_type: 'server' }) }), 'ours')).toBe('server');
});

test('who holds a lock, since when, until when and why', () => {
  expect(describeLock(state(), 'ours', NOW)).toBeNull();
  expect(describeLock(state({ lock: lock({ reason: 'new intro' }) }), 'ours', NOW)).toBe(
    'Bob’s laptop holds it since 2:20 PM, until 2:31 PM unless it is renewed. “new intro”',
  );
  expect(describeLoss({ to: 'Bob’s laptop', at: NOW }, NOW)).toBe(
    'Bob’s laptop took the lock over at 2:30 PM.',
  );
});

test('a refusal says what kind it is, what happened, and what to do', () => {
  const problem = {
    code: 'QUOTA_EXCEEDED',
    title: 'Quota exceeded',
    detail: '5 at most.',
    hint: 'Ask for more.',
  } as const;
  expect(explain(SyncError.from(problem, 403))).toEqual({
    title: 'Quota exceeded',
    message: '5 at most.',
    hint: 'Ask for more.',
  });
});
