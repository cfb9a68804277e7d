/**
 * What annoys visitors: clicks again and again at one place, clicks without any effect, forms that are begun and left,
 * errors of scripts. A separate script, loaded before or after the main one, whose visitor, consent and queue it uses.
 *
 * It tells the names of elements and fields, never what somebody typed or what an error says: `rage_click` and
 * `dead_click` have `element`; `form_abandoned` has `form`, and the `fields` that were filled in, the last one
 * last; `js_error` has `error`, the error's class.
 */

import { listen } from "./safe";
import { DEAD_MS, MOST, RAGE_CLICKS, RAGE_MS, RAGE_PX } from "./usability_limits";
import type { Props } from "./wire";

declare global {
  interface Window {
    wakelineUsability?: true; // loaded, perhaps twice
  }
}

const LIKELY = "a,button,[role=button],[onclick]"; // to do something when clicked
const AT_WORK = "input,select,textarea,label,video,canvas,[contenteditable],[data-wakeline-calm]";

let page: string;
let told: Record<string, number>;
let effect = 0; // when anything last changed
let down = 0; // when the pointer last went down, which some pages act on before the click
let from: MouseEvent | undefined; // the first click of those at one place
let clicks = 0;
let timer: number | undefined;
const forms = new Map<HTMLFormElement, Set<string>>(); // begun -> names of fields that were filled in

const attribute = (element: Element, name: string): string => Element.prototype.getAttribute.call(element, name) || "";
const nameOf = (element: Element): string => attribute(element, "name") || attribute(element, "id");

const tell = (type: string, props: Props): void => {
  if (page != (page = location.pathname)) told = {};
  if ((told[type] = (told[type] || 0) + 1) <= MOST) window.wakeline?.("event", type, props);
};

const now = (): number => performance.now();
const affect = (): void => {
  effect = now();
};

const clicked = (event: MouseEvent): void => {
  const { timeStamp, x, y, detail } = event;
  const target = event.composedPath()[0] as HTMLElement;
  clearTimeout(timer);
  if (!detail || target.closest(AT_WORK)) return; // by a key; or what is often clicked
  const element = target.localName + "#" + attribute(target, "id");

  if (!from || timeStamp - from.timeStamp > RAGE_MS || Math.hypot(x - from.x, y - from.y) > RAGE_PX) {
    from = event;
    clicks = 0;
  }
  if (++clicks == RAGE_CLICKS && !String(getSelection())) tell("rage_click", { element });

  if (target.closest(LIKELY) || getComputedStyle(target).cursor == "pointer")
    timer = setTimeout(() => {
      const link = !event.defaultPrevented && target.closest("a[href]");
      if ((!link || attribute(link, "href")[0] == "#") && effect < down) tell("dead_click", { element });
    }, DEAD_MS);
};

const typed = (event: InputEvent): void => {
  const { form } = event.target as HTMLInputElement;
  const name = nameOf(event.target as Element);
  affect();
  if (!form || !name) return;
  const fields = forms.get(form) || new Set();
  fields.delete(name);
  forms.set(form, fields.add(name));
};

const left = (): void => {
  for (const [form, fields] of forms)
    tell("form_abandoned", { form: nameOf(form), fields: [...fields] });
  forms.clear();
};

const failed = ({ message, error, reason = error }: { message?: string; error?: Error; reason?: Error }): void => {
  if (message || reason) tell("js_error", { error: reason?.name || "Error" }); // not of an image that is missing
};

if (!window.wakelineUsability) {
  window.wakelineUsability = true;
  new MutationObserver(affect).observe(document, {
    subtree: true,
    childList: true,
    attributes: true,
    characterData: true,
  });
  listen("scroll", affect);
  listen("blur", affect); // another window or tab
  listen("pointerdown", () => (down = now()));
  listen("click", clicked);
  listen("input", typed);
  listen("submit", (event) => {
    affect();
    forms.delete(event.target);
  });
  listen("pagehide", left);
  listen("error", failed);
  listen("unhandledrejection", failed);
}
