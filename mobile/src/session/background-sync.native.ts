import type { Tidemark } from '@tidemark/client';
import * as BackgroundTask from 'expo-background-task';
import * as TaskManager from 'expo-task-manager';

const TASK = 'tidemark-sync';
/** The shortest interval that iOS and Android allow. */
const EVERY_MINUTES = 15;

let openForTask: (() => Promise<Tidemark>) | null = null;

// Defined when this file loads: the system may start the app only to run this task.
TaskManager.defineTask(TASK, async () => {
  try {
    const tidemark = await openForTask?.();
    await tidemark?.sync();
    return BackgroundTask.BackgroundTaskResult.Success;
  } catch {
    return BackgroundTask.BackgroundTaskResult.Failed;
  }
});

/** Asks the system to sync from time to time while the app is closed. The system decides when, if at all. */
export async function syncInBackground(open: () => Promise<Tidemark>): Promise<void> {
  openForTask = open;
  if (await TaskManager.isTaskRegisteredAsync(TASK)) return;
  await BackgroundTask.registerTaskAsync(TASK, { minimumInterval: EVERY_MINUTES });
}
