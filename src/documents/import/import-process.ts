import { answerTasks } from '../../foundation/workers/child-program.js';
import { importDatabase } from './tasks.js';

// A process that imports databases for the server; see `importProcesses`.

answerTasks(importDatabase);
