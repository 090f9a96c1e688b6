// The screens are fed by a real sync, whose light changes whenever it likes. React expects tests to announce every
// change, which only those can that replace the sync; all its other complaints are told.
const tell = console.error;
console.error = (...message: unknown[]): void => {
  if (!String(message[0]).includes('not wrapped in act(')) tell(...message);
};
