/** What visitors do, told without a line of script on the page: links, files, forms, searches, lost pages, marked elements. */

import { custom } from "./page";
import { tag } from "./tag";
import type { PageView, Props, WireEvent } from "./wire";

const FILE = /\.(pdf|csv|(doc|xls|ppt)x?|zip|dmg|exe|mp.)$/i;

/** A click of any button but the menu's, or a form that is sent. */
export const acted = ({ target, type, button }: { target: HTMLElement; type: string; button?: number }): void => {
  const sent = type == "submit";
  const link = target.closest<HTMLAnchorElement>("a[href]");
  const marked = target.closest<HTMLElement>("[data-wakeline-event],[data-wakeline-interest]");
  if (button! > 1) return;
  if (marked?.matches("form") == sent) {
    const props: Props = { category: marked!.dataset.wakelineInterest! };
    for (const { name, value } of marked!.attributes) {
      const prop = name.split("wakeline-prop-")[1];
      if (prop) props[prop] = value;
    }
    custom(marked!.dataset.wakelineEvent || "interest", props);
  }
  if (sent)
    custom("form_submit", {
      form: target.getAttribute("id"),
      fields: [...new FormData(target as HTMLFormElement).keys()],
    });
  else if (link?.host) {
    const url = link.origin + link.pathname; // what follows may name a person
    const isFile = FILE.test(url) || link.matches("[download]");
    if (isFile || link.host != location.host) custom(isFile ? "download" : "outbound_link", { url });
  }
};

/** What a page view says beyond itself: what was searched for, and that there is no such page. */
export const viewed = ({ url, referrer }: WireEvent & PageView): void => {
  const term = new URL(url).searchParams.get(tag.dataset.search!);
  if (term) custom("search", { term });
  const [load] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // it is the status of what was loaded, not of where the page went from there
  if ((tag.dataset.status || load?.responseStatus) == 404 && referrer == document.referrer) custom("not_found");
};
