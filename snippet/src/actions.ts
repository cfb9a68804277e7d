/** Tracks actions without code on the page: links, downloads, forms, searches, 404 pages, elements with data attributes. */

import type { WireEvent } from "./wire";
import { safe } from "./safe";
import { custom, held } from "./page";
import { settings } from "./tag";

const FILE = /\.(pdf|csv|(doc|xls|ppt)x?|zip|dmg|exe|mp.)$/i;

/** Calls a method of an element safely: in a form, a field of the same name may hide it. */
const ask = (element: Element, method: "matches" | "getAttribute" | "getAttributeNames", name?: string): any =>
  (HTMLElement.prototype[method] as (name?: string) => unknown).call(element, name);

/** A click of any button but the menu's, or a form submission. */
export const acted = (event: MouseEvent): void => {
  const sent = event.type == "submit";
  // through open shadow roots; before the first view only forms and middle clicks arrive here, as a click ends the wait
  const path = (held || event.button > 1 ? [] : event.composedPath()) as Element[];
  const first = (selector: string) => path.find(safe((one) => ask(one, "matches", selector))); // not all are elements
  const link = first(":any-link") as HTMLAnchorElement | SVGAElement | undefined;
  const marked = first("[data-wakeline-event],[data-wakeline-interest]");
  // only forms have a method, even if a field has that name: they are tracked on submission, other elements on click
  if (marked && !(marked as HTMLFormElement).method != sent) {
    const said: Record<string, string> = {};
    for (const name of ask(marked, "getAttributeNames")) {
      const what = name.split("data-wakeline-")[1]; // interest; event, which slice turns into ""; prop-colour, which it turns into colour
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
    const url = to.protocol + (host ? "//" + host + to.pathname : name); // the rest of the path may contain a name
    if (isFile || (host && host != location.host)) custom(isFile ? "download" : "outbound_link", { url });
  }
};

/** Events that accompany a page view: a search, and a missing page. */
export const viewed = ({ url, continued }: WireEvent): void => {
  const term = new URL(url, location as never).searchParams.get(settings.search || "#"); // a name that no parameter has
  if (term && !continued) custom("search", { search_term: term }); // a continued view was reported before
  const [load] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // only for the document's first view: it is the status of the loaded page, not of later routes
  continued ?? ((settings.status || load?.responseStatus) == 404 && custom("not_found"));
};
