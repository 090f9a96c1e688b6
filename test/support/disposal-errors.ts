/**
 * When a test fails and cleaning up after `await using` fails, too, this makes Jest report the test's own failure, with
 * the other one as its cause. The compiler's code for `using` calls it by this name, which it forgets to define.
 */
function _SuppressedError(disposal: unknown, failure: unknown): unknown {
  if (failure instanceof Error) failure.cause ??= disposal;
  return failure;
}

Object.assign(globalThis, { _SuppressedError });
