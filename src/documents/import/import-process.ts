import { answerTasks } from '../../foundation/workers/child-program.js';
import { importDatabase } from './import-database.js';
import type { ImportTask } from './sqlite-workers.js';
import { faultOf } from './tasks.js';

// The program of a child process that imports databases; see `importProcesses`.

answerTasks((task: ImportTask) => faultOf(() => importDatabase(task)));
