/** The edge between the page and us: what fails in here has no result and does not reach the page. */

export const safe =
  <A extends unknown[], R>(run: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return run(...args);
    } catch {}
    return undefined;
  };

/**
 * Before the page hears of it, which may let nobody else hear; but visibilitychange, the one name from "v" on, after: what
 * the page says at its goodbye goes along.
 */
export const listen = (event: string, run: (event: any) => void): void =>
  addEventListener(event, safe(run), event < "v");
