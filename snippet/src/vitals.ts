/**
 * The vitals of each page, as a custom event `web_vitals` when the page is hidden. A separate script, loaded before or
 * after the main one, whose visitor, consent and queue it uses.
 *
 * Its props: `path` that the page was loaded or routed to, `navigation` (navigate, reload, back-forward, prerender,
 * back-forward-cache, restore, soft-navigation), `lcp_ms`, `inp_ms`, `fcp_ms`, `ttfb_ms` and `cls`, each with a
 * `..._rating` (good, needs-improvement, poor), `server_ms` (from the request to the response's first byte), `status` of
 * a response that is an error, where the browser tells it (not WebKit), and `server_timing` [{name, ms}]. Values that the
 * browser does not measure, or that did not occur, are missing.
 */

import { type MetricType, onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
import { safe } from "./safe";
import type { Props } from "./wire";

declare global {
  interface Window {
    wakelineVitals?: true; // loaded, perhaps twice
  }
}

const MAX_SERVER_TIMINGS = 8;
const FAILED = 400; // from this status on

const pages = new Map<string, Props>(); // by navigation: values not sent yet
const told = new Map<string, boolean>(); // by id of a metric: one that grows after it was sent keeps its first value

const note = safe(({ name, id, value, rating, entries, navigationId, navigationType, navigationURL }: MetricType) => {
  if (told.get(id)) return;
  const props: Props = {};
  if (name == "TTFB") {
    const { requestStart, responseStart, responseStatus, serverTiming } = (entries[0] || {}) as PerformanceNavigationTiming;
    if (!responseStart) return; // a page that did not come from a server
    if (responseStatus >= FAILED) props.status = responseStatus;
    props.server_ms = Math.round(responseStart - requestStart);
    const timings = serverTiming?.slice(0, MAX_SERVER_TIMINGS) || [];
    if (timings[0]) props.server_timing = timings.map(({ name, duration }) => ({ name, ms: Math.round(duration) }));
  }
  told.set(id, false);
  const metric = name.toLowerCase();
  if (name == "CLS") props.cls = Math.round(value * 1e4) / 1e4;
  else props[metric + "_ms"] = Math.round(value);
  props[metric + "_rating"] = rating;
  const navigation = navigationType + navigationId;
  const { pathname: path } = navigationURL ? new URL(navigationURL) : location;
  pages.set(navigation, { path, navigation: navigationType, ...pages.get(navigation), ...props });
});

/**
 * Runs between the library's listeners, which capture the final values, and the main script's, which sends
 * everything.
 */
function tell(): void {
  if (!document.hidden || !window.wakeline) return;
  for (const props of pages.values()) window.wakeline("event", "web_vitals", props);
  pages.clear();
  for (const id of told.keys()) told.set(id, true);
}

if (window.wakelineVitals !== true) {
  window.wakelineVitals = true;
  for (const measure of [onCLS, onFCP, onINP, onLCP, onTTFB])
    // All changes, since the library would otherwise not report pending measurements when the page is hidden.
    measure(note, { reportAllChanges: true, reportSoftNavs: true });
  document.addEventListener("visibilitychange", safe(tell));
}
