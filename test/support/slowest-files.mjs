import { appendFileSync } from 'node:fs';

/** A Jest reporter that writes how long each test file took, a line of JSON a file, into the file that TEST_TIMES names. */
export default class {
  onTestResult(_test, { testFilePath: path, perfStats: { start, end } }) {
    appendFileSync(process.env.TEST_TIMES, `${JSON.stringify({ path, ms: end - start })}\n`);
  }
}
