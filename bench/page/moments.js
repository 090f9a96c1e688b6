/* global window, document, performance, MutationObserver */
// Runs in the measured pages. All times are epoch ms, on the clock that all pages of a machine share.
const now = () => performance.timeOrigin + performance.now();
const DEADLINE_MS = 30_000;

window.moments = {
  /** Resolves with the time when the element with this test id is next pressed. */
  pressed: (testId) =>
    new Promise((resolve) => {
      const note = ({ target }) => {
        if (!target.closest(`[data-testid="${testId}"]`)) return;
        document.removeEventListener('click', note, true);
        resolve(now());
      };
      document.addEventListener('click', note, true); // before any other listener
    }),
  /** Resolves with the time when an element whose test id begins like this first shows the text; '': any text. */
  shown: (testId, text) =>
    new Promise((resolve, reject) => {
      const isShown = () =>
        [...document.querySelectorAll(`[data-testid^="${testId}"]`)].some(
          (element) => text === '' || element.innerText.trim() === text,
        );
      const look = () => {
        if (!isShown()) return;
        observer.disconnect();
        resolve(now());
      };
      const observer = new MutationObserver(look);
      observer.observe(document.body, { subtree: true, childList: true, characterData: true });
      setTimeout(() => reject(new Error(`${testId} never showed "${text}".`)), DEADLINE_MS);
      look();
    }),
};
