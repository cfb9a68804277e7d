/** What separate scripts beside the main one have in common: their settings, and the way to it. */

import { doc } from "./document";

/**
 * Settings in the script's tag or, if a tag manager removes those, in the query of its URL. A module does not know its
 * tag: there it is the one with the attribute `name`. Without a tag, in a bundle of the site's own, there are none.
 */
export const settingsOf = (name: string): Record<string, string | undefined> => {
  const script = (doc("currentScript") ||
    doc("querySelector").call(document, `script[type=module][data-${name}]`)) as HTMLScriptElement | null;
  return { ...Object.fromEntries(new URL(script?.src || "a:").searchParams), ...script?.dataset };
};

const stub: Wakeline = (...call) => ((stub.q as Call[]) ||= []).push(call);

/** The main script or, before it has loaded, its stub. */
export const main = (): Wakeline => (typeof window.wakeline == "function" ? window.wakeline : (window.wakeline = stub));
