/** Isolates the page from the snippet: an error in here has no result and does not reach the page. */

export const safe =
  <A extends unknown[], R>(run: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return run(...args);
    } catch {}
    return undefined;
  };

/**
 * Listens before the page, which may stop events; but to visibilitychange, the only name from "v" on, after it:
 * events that the page sends while leaving are included.
 */
export const listen = (event: string, run: (event: any) => void): void =>
  addEventListener(event, safe(run), event < "v");
