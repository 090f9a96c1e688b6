/**
 * If a test fails and the clean-up of `await using` fails too, this makes Jest report the test's own failure, with the
 * other one as its cause. The compiler's code for `using` calls a function of this name without defining it.
 */
function _SuppressedError(disposal: unknown, failure: unknown): unknown {
  if (failure instanceof Error) failure.cause ??= disposal;
  return failure;
}

Object.assign(globalThis, { _SuppressedError });
