import type { WorkerAnswer, WorkerCall } from './copy-client.js';
import { serveCalls } from './serve-calls.js';

// The dedicated worker in which the engine runs.

interface Scope {
  onmessage: ((event: { data: WorkerCall }) => void) | null;
  postMessage(message: WorkerAnswer): void;
}
const scope = globalThis as unknown as Scope;

const serve = serveCalls((answer) => scope.postMessage(answer));
scope.onmessage = ({ data }) => serve(data);
