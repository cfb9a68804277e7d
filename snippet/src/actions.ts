/** What visitors do, told without a line of script on the page: links, files, forms, searches, lost pages, marked elements. */

import { doc } from "./document";
import { custom } from "./page";
import { settings } from "./tag";
import type { PageView, Props, WireEvent } from "./wire";

const FILE = /\.(pdf|csv|(doc|xls|ppt)x?|zip|dmg|exe|mp.)$/i;

// Of forms nothing is asked by its name, which may be that of a field.
const { matches, getAttribute, getAttributeNames } = HTMLElement.prototype;

/** A click of any button but the menu's, or a form that is sent. */
export const acted = (event: MouseEvent): void => {
  const sent = event.type == "submit";
  const path = event.composedPath().slice(0, -2) as Element[]; // through open shadow roots; document and window are last
  const first = (selector: string) => path.find((one) => "matches" in one && matches.call(one, selector));
  const link = first(":any-link") as HTMLAnchorElement | SVGAElement | undefined;
  const marked = first("[data-wakeline-event],[data-wakeline-interest]");
  if (event.button > 1) return;
  if (marked && matches.call(marked, "form") == sent) {
    const said = (name: string) => getAttribute.call(marked, name) || undefined;
    const props: Props = { category: said("data-wakeline-interest")! };
    for (const name of getAttributeNames.call(marked)) {
      const prop = name.split("wakeline-prop-")[1];
      if (prop) props[prop] = said(name)!;
    }
    custom(said("data-wakeline-event") || "interest", props);
  }
  if (sent) {
    const form = path[0] as HTMLFormElement;
    const fields = [...Reflect.get(HTMLFormElement.prototype, "elements", form)] as HTMLInputElement[];
    custom("form_submit", {
      form: getAttribute.call(form, "id"),
      fields: [...new Set(fields.map(({ name }) => name))].filter((name) => name),
    });
  } else if (link) {
    const { href } = link;
    const { protocol, host, pathname } = new URL((href as SVGAnimatedString).baseVal ?? href, doc("baseURI"));
    const name = getAttribute.call(link, "download");
    const isFile = name != null || FILE.test(pathname);
    const url = protocol + (host ? "//" + host + pathname : name); // what follows the path may name a person
    if (host ? isFile || host != location.host : name != null)
      custom(isFile ? "download" : "outbound_link", { url });
  }
};

/** What a page view says beyond itself: what was searched for, and that there is no such page. */
export const viewed = ({ url, referrer }: WireEvent & PageView): void => {
  const term = settings.search && new URL(url).searchParams.get(settings.search);
  if (term) custom("search", { term });
  const [load] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // it is the status of what was loaded, not of where the page went from there
  if ((settings.status || load?.responseStatus) == 404 && referrer == doc("referrer")) custom("not_found");
};
