/** The edge between the page and us: what fails in here has no result and does not reach the page. */

export const safe =
  <A extends unknown[], R>(run: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return run(...args);
    } catch {
      return;
    }
  };

export const listen = (event: string, run: () => void, target: EventTarget = window): void =>
  target.addEventListener(event, safe(run));
