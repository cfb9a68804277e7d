/**
 * Tells the e-commerce events of Google Analytics 4 that a shop pushes into its data layer: a separate script,
 * `wakeline.datalayer.js`, loaded before or after the main one. Both forms are heard, from before and after it loads:
 * `dataLayer.push({event: "purchase", ecommerce: {...}})` and `gtag("event", "purchase", {...})`. `data-layer` in its
 * tag is the name of another layer.
 *
 * Only what each push itself says is told, never what Google's tag manager keeps of earlier ones, and of that only
 * fields of the vocabulary: whatever else stands beside them, such as who bought it, stays in the page.
 */

import { main, settingsOf } from "./companion";
import { safe } from "./safe";
import type { Props, Scalar } from "./wire";

type Said = Record<string, unknown>;

const MAX_ITEMS = 200; // that the collector keeps of an event
const LOOK_MS = 1_000;

const name = settingsOf("layer").layer || "dataLayer";

// after the command, which a push without gtag's has not
const EVENTS =
  /^event(view_item(_list)?|select_item|(view|add_to|remove_from)_cart|begin_checkout|add_(shipping|payment)_info|purchase|refund|search|sign_up|login)$/;

// of those events and their items, but `channel`, which others say of a campaign
const FIELDS =
  /^(item_(id|name|brand|variant|category[2-5]?|list_(id|name))|(transaction|refund)_id|value|currency|tax|shipping|coupon|discount|price|quantity|signature|search_term|method)$/;

const page = window as unknown as Record<string, unknown>;

/**
 * Layers, and entries with what was last told of them: a page may push the same object again, changed or not. One for all
 * copies of this script, under a name that no element can take.
 */
const seen = (page[Symbol.for("wakeline") as never] ||= new WeakMap()) as WeakMap<object, string | undefined>;

/**
 * The texts and numbers among the fields. No other is read: it may be a getter that throws. A value that is neither is
 * null, so that a refund of something unreadable is none of everything.
 */
const pick = (said: unknown): Record<string, Scalar> => {
  const picked: Record<string, Scalar> = {};
  for (const field in said as Said) {
    if (FIELDS.test(field)) {
      const value = (said as Said)[field];
      picked[field] = /r/.test(typeof value) ? (value as Scalar) : ({ value: null }[field] as never); // number, string
    }
  }
  return picked;
};

const hear = safe((entry: Said): void => {
  const before = seen.get(entry);
  seen.set(entry, before); // now, so that one that throws below is read once; what is no object throws here
  const { 0: command = "event", 1: event = entry.event, 2: said = entry.ecommerce || entry } = entry;
  const type = EVENTS.exec((command as string) + event)?.[1];
  if (type) {
    const props: Props = { ...pick(entry), ...pick(said) };
    const items = [].slice.call((said as Said)?.items || [], 0, MAX_ITEMS).map(pick);
    if (items[0]) props.items = items;
    const told = type + JSON.stringify(props);
    // Products must be known by something, otherwise the event is for advertising; without products it must say
    // something, a purchase and a refund (which end in e, d) their number, but a login and a sign_up (n, p) need not.
    if (told != before && (items[0] ? /_(id|name)\\?":/ : /_id":|[^ed]{"|[np]{/).test(told)) {
      seen.set(entry, told);
      main()("event", type, props);
    }
  }
});

/** GTM calls the `push` that it replaces; whoever does not, or replaces the layer, is heard at the next look. */
const look = safe((): void => {
  const entries = (page[name] ||= []) as Said[];
  if (!seen.has(entries)) {
    seen.set(entries, name);
    const { push } = entries;
    entries.push = function (...more) {
      more.forEach(hear);
      return push.apply(this, more);
    };
  }
  for (const entry of entries) if (!seen.has(entry)) hear(entry);
});

look();
setInterval(look, LOOK_MS);
document.addEventListener("visibilitychange", look); // before the main script's listener, which sends everything
