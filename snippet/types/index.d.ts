/** Wakeline's snippet: every call and its arguments. */

/** Consent levels. */
export type Level = "off" | "anonymous" | "full";

/** What a visitor agreed to: `version` and `wording` of your text, and the `purposes` of your site's setting. */
export type Choice = { version?: string | number; wording?: string; purposes?: readonly string[] };

export type Scalar = string | number | boolean | null;

/** At most 32 properties and 64 KB in total; texts of up to 1,000 characters. The excess is dropped. `category` counts as an interest. */
export type Props = Record<string, Scalar | undefined | readonly (Scalar | Record<string, Scalar | undefined>)[]>;

/** One product of a list, a cart or an order. Each category counts as an interest of the visitor. */
export type Item = {
  item_id: string | number;
  item_name?: string;
  item_brand?: string;
  item_category?: string;
  item_category2?: string;
  item_category3?: string;
  item_category4?: string;
  item_category5?: string;
  item_variant?: string;
  price?: number; // of one
  quantity?: number; // 1 if it is missing
  discount?: number; // off the price of one
  coupon?: string;
  [name: string]: Scalar | undefined;
};

/** Products in a list, such as a category or a search's results. */
export type ItemList = Props & { items?: readonly Item[]; item_list_id?: string; item_list_name?: string };

/** What is viewed, or put into the cart or out of it. `value` is the sum of its prices. */
export type Cart = Props & { items: readonly Item[]; value?: number; currency?: string };

/** A step on the way to an order. */
export type Checkout = Props & { value?: number; currency?: string; items?: readonly Item[]; coupon?: string };

/** An order. `value` is what its items cost, without tax and shipping; `currency` is ISO 4217: EUR. */
export type Purchase = Props & {
  transaction_id: string | number;
  value: number;
  currency: string;
  items?: readonly Item[];
  tax?: number;
  shipping?: number;
  coupon?: string;
  discount?: number;
  channel?: string; // web, phone, ...
  signature?: string; // by your server: see docs/snippet.md
};

/** Money back: `value`, or that of `items`; without both the whole order. */
export type Refund = Props & {
  transaction_id: string | number;
  refund_id?: string | number;
  value?: number;
  currency?: string;
  items?: readonly Item[];
};

/** What was decided by `decision_id`, and what became of it. */
export type Offer = Props & { decision_id: string; offer?: string; slot?: string };
export type Recommended = Props & { list_id: string; position?: number; item_id?: string | number };
export type Survey = Props & { survey: string; question?: string; answer?: string | number };
export type Promotion = Props & { promotion: string; code?: string; cost?: number; currency?: string };

/** Events with predefined properties. Declare yours to have them type-checked: see docs/snippet.md. */
export interface Events {
  view_item_list: ItemList;
  select_item: ItemList;
  view_item: Cart;
  add_to_cart: Cart;
  remove_from_cart: Cart;
  view_cart: Cart;
  begin_checkout: Checkout;
  add_shipping_info: Checkout;
  add_payment_info: Checkout;
  purchase: Purchase;
  refund: Refund;
  sign_up: Props & { method?: string };
  login: Props & { method?: string };
  search: Props & { search_term: string; results?: number };
  preference: Props & { allowed: boolean; topic?: string; channel?: string; frequency?: string };
  offer_seen: Offer;
  offer_accepted: Offer;
  offer_dismissed: Offer;
  item_recommended_seen: Recommended;
  item_recommended_clicked: Recommended;
  survey_seen: Survey;
  survey_answered: Survey;
  promotion_issued: Promotion;
  promotion_used: Promotion;
  contest_entered: Promotion;
  video_start: Props & { video: string };
  video_progress: Props & { video: string; percent?: number };
  video_complete: Props & { video: string };
}

/** An event before it is sent. */
export interface WakelineEvent {
  readonly type: string; // page_view, engagement, ping, identify, or the name of a custom event
  readonly page: string;
  readonly n: number;
  readonly time: number; // ms since 1970
  url: string; // relative URLs are resolved against the root of the host
  title?: string;
  referrer?: string;
  interests?: string; // comma-separated
  props?: Props;
  readonly visitor?: string;
  [field: string]: unknown;
}

interface Commands {
  /** A custom event. */
  event: [name: string, props?: Props];
  /** The visitor's choice, and what was agreed to. */
  consent: [level: Level, choice?: Choice];
  /**
   * Identifies the customer. Your server computes `signature`: the hex HMAC-SHA256 of the id, or of the id, a newline and
   * `expires`, the signature's end in ms since 1970.
   */
  identify: [id: string | number, proof: { signature: string; expires?: number }];
  /**
   * Withdraws consent: `off`. With the customer's id and your server's signature, the hex HMAC-SHA256 of `forget`, the id and
   * `expires`, a line each, the customer is erased too.
   */
  forget: [] | [id: string | number, proof: { signature: string; expires: number }];
  /** Logout: the next person is a new visitor. */
  reset: [];
  /** Logs to the console what is sent, and why something is not. */
  debug: [];
  /** Sees each event before it is sent: returns it synchronously, changed or not, or nothing to drop it. Must not call `wakeline`. */
  beforeSend: [edit: (event: WakelineEvent) => WakelineEvent | null | undefined | void];
}

/** Props are optional if none is required. */
type About<P> = Record<string, never> extends P ? [props?: P] : [props: P];

export interface Wakeline {
  <Command extends Exclude<keyof Commands, "event">>(command: Command, ...values: Commands[Command]): void;
  <Name extends keyof Events>(command: "event", name: Name, ...about: About<Events[Name]>): void;
  <Name extends string>(command: "event", name: Name extends keyof Events ? never : Name, props?: Props): void;
  <Name extends keyof Events>(name: Name, ...about: About<Events[Name]>): void;
  <Name extends string>(name: Name extends keyof Events | keyof Commands ? never : Name, props?: Props): void;
}

export interface Options {
  /** Your site's public key. */
  site: string;
  /** URL for events: https://stats.your-site.example/v1/events */
  endpoint: string;
  /** Level before a visitor has chosen; anonymous by default. Use `full` only if you have another legal basis. */
  consent?: Level;
  /** The fragment is part of the route: /app#/shoes/42 */
  hash?: boolean;
  /** URL parameter of the site search: q */
  search?: string;
}

/** Starts the snippet. Does nothing on a server, if called twice, or on a page with Wakeline's script tag. */
export function init(options: Options): void;

/** Queues calls made before `init`. Does nothing on a server. */
export const wakeline: Wakeline;
