import { answerTasks } from '../../foundation/workers/child-program.js';
import { importDatabase } from './import-database.js';
import type { ImportTask } from './sqlite-workers.js';
import { faultOf } from './tasks.js';

// The program of the child processes that import databases; see `importProcesses`.

answerTasks((task: ImportTask) => faultOf(() => importDatabase(task)));
