// React expects tests to wrap every state change in act(). These tests run a real sync, whose status changes at any
// time, so that warning is dropped. All other errors are still printed.
const tell = console.error;
console.error = (...message: unknown[]): void => {
  if (!String(message[0]).includes('not wrapped in act(')) tell(...message);
};
