// Every call as a site writes it, and what its types refuse: each line under @ts-expect-error must not compile.
import { init, type Item, type Level, type Options, wakeline } from "wakeline";
import "wakeline/vitals";
import "wakeline/datalayer";
import "wakeline/usability";

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
wakeline("consent", "full", { version: "2026-03", wording: "May we remember you?", purposes: ["personalise"] });
wakeline("consent", "anonymous", { version: 3 });
// @ts-expect-error purposes are a list
wakeline("consent", "full", { purposes: "personalise" });
// @ts-expect-error no such level
wakeline("consent", "fulll");
// @ts-expect-error which level?
wakeline("consent");

wakeline("identify", "customer-1042", { signature: "3f0c" });
wakeline("identify", 1042, { signature: "3f0c" });
wakeline("identify", "customer-1042", { signature: "3f0c", expires: Date.now() + 3_600_000 });
// @ts-expect-error ms, no text
wakeline("identify", "customer-1042", { signature: "3f0c", expires: "tomorrow" });
// @ts-expect-error anybody could claim to be anybody
wakeline("identify", "customer-1042");
// @ts-expect-error the signature is text
wakeline("identify", "customer-1042", { signature: 3 });

wakeline("forget");
wakeline("forget", 1042, { signature: "8d41", expires: 1790000600000 });
// @ts-expect-error such a signature must end
wakeline("forget", "customer-1042", { signature: "8d41" });
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

const shoe: Item = { item_id: "trail-runner", item_category: "shoes", price: 129.9, quantity: 1, size: "42" };
wakeline("view_item_list", { items: [shoe], item_list_id: "bestsellers" });
wakeline("select_item", { items: [shoe], item_list_id: "bestsellers", position: 3 });
wakeline("view_item", { items: [shoe], value: 129.9, currency: "EUR" });
wakeline("add_to_cart", { items: [shoe], currency: "EUR" });
wakeline("remove_from_cart", { items: [{ item_id: 7, quantity: 1 }] });
wakeline("view_cart", { items: [] });
wakeline("begin_checkout", { value: 129.9, currency: "EUR", items: [shoe], coupon: "SPRING" });
wakeline("begin_checkout");
wakeline("add_shipping_info", { shipping_tier: "express" });
wakeline("event", "add_payment_info", { payment_type: "invoice" });
wakeline("purchase", { transaction_id: "A-1001", value: 129.9, currency: "EUR", items: [shoe], tax: 20.74, shipping: 4.9 });
wakeline("event", "purchase", { transaction_id: 1001, value: 129.9, currency: "EUR", signature: "3f0c" });
wakeline("refund", { transaction_id: "A-1001", items: [shoe] });
// @ts-expect-error which order?
wakeline("purchase", { value: 129.9, currency: "EUR" });
// @ts-expect-error which order, said the other way
wakeline("event", "purchase", { value: 129.9, currency: "EUR" });
// @ts-expect-error of how much
wakeline("purchase", { transaction_id: "A-1001", currency: "EUR" });
// @ts-expect-error in what
wakeline("purchase", { transaction_id: "A-1001", value: 129.9 });
// @ts-expect-error which order, and nothing else either
wakeline("refund");
// @ts-expect-error what is viewed?
wakeline("view_item");
// @ts-expect-error an item has an id
wakeline("view_item", { items: [{ item_category: "shoes" }] });
// @ts-expect-error a value is a number
wakeline("add_to_cart", { items: [shoe], value: "129.90" });
// @ts-expect-error also the price of an item
wakeline("add_to_cart", { items: [{ item_id: "trail-runner", price: "129.90" }] });
// @ts-expect-error items are a list
wakeline("view_item_list", { items: shoe });

wakeline("sign_up");
wakeline("login", { method: "password" });
wakeline("search", { search_term: "red shoes", results: 0 });
// @ts-expect-error for what?
wakeline("search");
wakeline("preference", { channel: "mail", allowed: false });
// @ts-expect-error yes or no?
wakeline("preference", { topic: "sales" });
wakeline("offer_seen", { decision_id: "d-7f3a", offer: "spring" });
wakeline("offer_accepted", { decision_id: "d-7f3a", place: "banner" });
wakeline("offer_dismissed", { decision_id: "d-7f3a" });
// @ts-expect-error which offer?
wakeline("offer_seen", {});
wakeline("item_recommended_seen", { list_id: "l-1", position: 1, item_id: "wool-socks" });
wakeline("item_recommended_clicked", { list_id: "l-1" });
wakeline("survey_seen", { survey: "delivery" });
wakeline("survey_answered", { survey: "delivery", question: "recommend", answer: 9 });
// @ts-expect-error which survey?
wakeline("survey_answered", { question: "recommend", answer: 9 });
wakeline("promotion_used", { promotion: "autumn", code: "LEAVES", cost: 5, currency: "EUR" });
wakeline("contest_entered", { promotion: "win-a-tent" });
wakeline("video_progress", { video: "lacing", percent: 50 });
// @ts-expect-error which one?
wakeline("video_start");

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
