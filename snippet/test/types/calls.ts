// Every call as a site writes it, and what its types refuse: each line under @ts-expect-error must not compile.
import { init, type Item, type Level, type Options, wakeline } from "wakeline";
import "wakeline/vitals";

init({ site: "shop", endpoint: "https://stats.shop.example/v1/events" });
init({ site: "shop", endpoint: "https://stats.shop.example/v1/events", consent: "off", hash: true, search: "q,query" });
const options: Options = { site: "shop", endpoint: "/e" };
init(options);
// @ts-expect-error the site is missing
init({ endpoint: "/e" });
// @ts-expect-error no such level
init({ site: "shop", endpoint: "/e", consent: "some" });
// @ts-expect-error no such option
init({ site: "shop", endpoint: "/e", consents: "off" });

const level: Level = "full";
wakeline("consent", level);
wakeline("consent", "off");
// @ts-expect-error no such level
wakeline("consent", "fulll");
// @ts-expect-error which level?
wakeline("consent");

wakeline("identify", "customer-1042", { signature: "3f0c" });
wakeline("identify", 1042, { signature: "3f0c" });
// @ts-expect-error anybody could claim to be anybody
wakeline("identify", "customer-1042");
// @ts-expect-error the signature is text
wakeline("identify", "customer-1042", { signature: 3 });

wakeline("reset");
wakeline("debug");
// @ts-expect-error takes nothing
wakeline("reset", "customer-1042");

wakeline("beforeSend", (event) => event);
wakeline("beforeSend", (event) => (event.type == "search" ? null : event));
wakeline("beforeSend", (event) => {
  event.url = event.url.replace(/token=\w+/, "");
  return event;
});
wakeline("beforeSend", () => {});
// @ts-expect-error a function
wakeline("beforeSend", true);
// @ts-expect-error the id of the page is not the site's to set
wakeline("beforeSend", (event) => ((event.page = "mine"), event));

wakeline("event", "newsletter");
wakeline("event", "newsletter", { place: "footer", tries: 2, again: false, why: null, left_out: undefined });
wakeline("newsletter", { place: "footer" });
wakeline("event", "cart", { items: ["a", "b"], categories: [{ category: "shoes" }] });
declare const name: string;
wakeline("event", name, { any: 1 });
wakeline(name, { any: 1 });
// @ts-expect-error which event?
wakeline("event");
// @ts-expect-error a property is no function
wakeline("event", "newsletter", { place: () => "footer" });
// @ts-expect-error a property is no tree
wakeline("event", "newsletter", { place: { page: { part: "footer" } } });
// @ts-expect-error a property is no date
wakeline("newsletter", { when: new Date() });

const shoe: Item = { product: "trail-runner", category: "shoes", price: 129.9, quantity: 1, size: "42" };
wakeline("view_product", { product: "trail-runner", category: "shoes", price: 129.9, currency: "EUR" });
wakeline("view_list", { items: [shoe], list: "bestsellers" });
wakeline("add_to_cart", { items: [shoe], currency: "EUR" });
wakeline("remove_from_cart", { product: "trail-runner", quantity: 1 });
wakeline("checkout", { step: 2, items: [shoe], currency: "EUR" });
wakeline("checkout");
wakeline("purchase", { order: "A-1001", price: 129.9, currency: "EUR", items: [shoe] });
wakeline("event", "purchase", { order: "A-1001", price: 129.9, currency: "EUR", items: [shoe] });
wakeline("refund", { order: "A-1001", items: [shoe] });
// @ts-expect-error which order?
wakeline("purchase", { price: 129.9, currency: "EUR" });
// @ts-expect-error which order, said the other way
wakeline("event", "purchase", { price: 129.9, currency: "EUR" });
// @ts-expect-error which order, and nothing else either
wakeline("refund");
// @ts-expect-error a price is a number
wakeline("add_to_cart", { product: "trail-runner", price: "129.90" });
// @ts-expect-error also that of an item
wakeline("add_to_cart", { items: [{ product: "trail-runner", price: "129.90" }] });
// @ts-expect-error items are a list
wakeline("view_list", { items: shoe });

wakeline("offer_seen", { offer: "spring" });
wakeline("offer_accepted", { offer: "spring", place: "banner" });
wakeline("offer_dismissed", { offer: "spring" });
// @ts-expect-error which offer?
wakeline("offer_seen", {});
wakeline("survey", { survey: "nps", question: "recommend", answer: 9 });
// @ts-expect-error what was the answer?
wakeline("survey", { survey: "nps", question: "recommend" });

// A site's own events, checked like ours.
declare module "wakeline" {
  interface Events {
    configured: { product: string; colour: "red" | "blue" };
  }
}
wakeline("configured", { product: "trail-runner", colour: "red" });
wakeline("event", "configured", { product: "trail-runner", colour: "blue" });
// @ts-expect-error no such colour
wakeline("configured", { product: "trail-runner", colour: "green" });
