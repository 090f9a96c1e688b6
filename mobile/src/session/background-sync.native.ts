import * as BackgroundTask from 'expo-background-task';
import * as TaskManager from 'expo-task-manager';
import type { Session } from './session';

const TASK = 'tidemark-sync';
/** The shortest time the systems allow. */
const EVERY_MINUTES = 15;

let openForTask: (() => Promise<Session>) | null = null;

// At the top, for the system may start the app for this alone.
TaskManager.defineTask(TASK, async () => {
  try {
    const session = await openForTask?.();
    await session?.sync.runOnce();
    return BackgroundTask.BackgroundTaskResult.Success;
  } catch {
    return BackgroundTask.BackgroundTaskResult.Failed;
  }
});

/** Has the system sync now and then while the app is closed; a bonus, for it comes when the system likes. */
export async function syncInBackground(open: () => Promise<Session>): Promise<void> {
  openForTask = open;
  if (await TaskManager.isTaskRegisteredAsync(TASK)) return;
  await BackgroundTask.registerTaskAsync(TASK, { minimumInterval: EVERY_MINUTES });
}
