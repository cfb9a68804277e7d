/**
 * Takes the visitor's choice from a consent platform: a separate script, `wakeline.consent.js`, loaded before or after
 * the main one. Settings in its tag or, if a tag manager removes those, in the query of its URL: `data-from` is `gcm`,
 * Google's consent mode, or `tcf`, the IAB's framework; `data-denied` the level where nothing was agreed to, `off` or
 * `anonymous`; `data-layer` the name of the data layer.
 */

import { main, settingsOf } from "./companion";
import { safe } from "./safe";

type Said = Record<string, unknown>;
type Consents = Record<number, boolean | undefined>;

interface TCData {
  gdprApplies?: boolean;
  eventStatus?: string;
  purpose: { consents: Consents; legitimateInterests: Consents };
}

type Api = (command: "addEventListener", version: 2, hear: (data: TCData, succeeded: boolean) => void) => void;

const WAIT_MS = 50; // for a framework that loads later; then twice as long, and so on

const settings = settingsOf("from");

const page = window as unknown as Record<string, unknown>;

let last: string | undefined;

/** Only if the level is another than before. */
const choose = (remembers: unknown, counts: unknown): void => {
  const level = remembers ? "full" : counts ? "anonymous" : settings.denied || "off";
  if (level != last) main()("consent", (last = level));
};

/** What is granted and denied, by kind of storage. */
const modes: Said = {};
let updated: boolean | undefined;

/**
 * An entry of the data layer. A `default` is no choice: it holds for what the choice, an `update`, does not name. Which
 * region the visitor is in is unknown here, so that what one `default` denies no other grants.
 */
const hear = safe((entry: ArrayLike<unknown>): void => {
  const [command, kind, said] = Array.from(entry) as [string, string, Said];
  if (command != "consent") return;
  if (kind == "update") {
    updated = true;
    Object.assign(modes, said);
    choose(
      modes.analytics_storage == "granted" && (modes.personalization_storage || modes.ad_personalization) == "granted",
      modes.analytics_storage == "granted",
    );
  } else if (kind == "default" && !updated)
    for (const mode in said) if (said[mode] == "denied" || !(said.region || mode in modes)) modes[mode] = said[mode];
});

const listenToMode = (): void => {
  const name = settings.layer || "dataLayer";
  const layer = (page[name] ||= []) as ArrayLike<unknown>[];
  const { push } = layer;
  layer.push = (...entries) => {
    entries.forEach((entry) => hear(entry));
    return push.apply(layer, entries);
  };
  Array.from(layer).forEach((entry) => hear(entry));
};

/**
 * Purposes of the framework: 1 storage on the device, 5 and 6 profiles for content and their use, 8 measurement of
 * content. Nothing follows before the visitor has chosen, or where the law does not apply.
 */
const listenToFramework = (wait: number): void => {
  const api = page.__tcfapi as Api | undefined;
  if (!api) setTimeout(safe(listenToFramework), wait, wait * 2);
  else
    api(
      "addEventListener",
      2,
      safe(({ gdprApplies, eventStatus, purpose: { consents, legitimateInterests } }, succeeded) => {
        if (succeeded && gdprApplies && /^[tu]/.test(eventStatus!)) // tcloaded, useractioncomplete; not cmpuishown
          choose([1, 5, 6, 8].every((id) => consents[id]), consents[8] || legitimateInterests[8]);
      }),
    );
};

if (settings.from == "gcm") listenToMode();
if (settings.from == "tcf") listenToFramework(WAIT_MS);
