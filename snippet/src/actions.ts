/** What visitors do, told without a line of script on the page: links, files, forms, searches, lost pages, marked elements. */

import type { WireEvent } from "./wire";
import { safe } from "./safe";
import { custom, held } from "./page";
import { settings } from "./tag";

const FILE = /\.(pdf|csv|(doc|xls|ppt)x?|zip|dmg|exe|mp.)$/i;

/** Calls a method of elements. Of forms nothing is asked by its name, which may be that of a field. */
const ask = (element: Element, method: "matches" | "getAttribute" | "getAttributeNames", name?: string): any =>
  (HTMLElement.prototype[method] as (name?: string) => unknown).call(element, name);

/** A click of any button but the menu's, or a form that is sent. */
export const acted = (event: MouseEvent): void => {
  const sent = event.type == "submit";
  // through open shadow roots; before the first view only forms and middle clicks come here: a click has ended the wait
  const path = (held || event.button > 1 ? [] : event.composedPath()) as Element[];
  const first = (selector: string) => path.find(safe((one) => ask(one, "matches", selector))); // not all are elements
  const link = first(":any-link") as HTMLAnchorElement | SVGAElement | undefined;
  const marked = first("[data-wakeline-event],[data-wakeline-interest]");
  // only a form has a method, even where a field is called so: it is told when it is sent, all else when it is clicked
  if (marked && !(marked as HTMLFormElement).method != sent) {
    const said: Record<string, string> = {};
    for (const name of ask(marked, "getAttributeNames")) {
      const what = name.split("data-wakeline-")[1]; // interest; event, which slice makes "", and prop-colour, which it makes colour
      if (what) said[what == "interest" ? "category" : what.slice(5)] = ask(marked, "getAttribute", name);
    }
    const { "": type = "interest", ...props } = said;
    custom(type, props);
  }
  if (sent) {
    const form = path[0] as HTMLFormElement;
    const fields = [...Reflect.get(HTMLFormElement.prototype, "elements", form)] as HTMLInputElement[];
    custom("form_submit", {
      form: ask(form, "getAttribute", "id"),
      fields: fields.map((field) => field.name),
    });
  } else if (link) {
    const { href } = link;
    const to = new URL((href as SVGAnimatedString).baseVal ?? href, location as never);
    const { host } = to;
    const name = ask(link, "getAttribute", "download");
    const isFile = name != null || FILE.test(host && to.pathname);
    const url = to.protocol + (host ? "//" + host + to.pathname : name); // what follows the path may name a person
    if (isFile || (host && host != location.host)) custom(isFile ? "download" : "outbound_link", { url });
  }
};

/** What a page view says beyond itself: what was searched for, and that there is no such page. */
export const viewed = ({ url, continued }: WireEvent): void => {
  const term = new URL(url, location as never).searchParams.get(settings.search || "#"); // which hardly a parameter is called
  if (term && !continued) custom("search", { term }); // a view that only goes on under another level was told of
  const [load] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // only the document's first view leaves it open: it is the status of what was loaded, not of where the page went from there
  continued ?? ((settings.status || load?.responseStatus) == 404 && custom("not_found"));
};
