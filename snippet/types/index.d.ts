/** Wakeline's snippet: every call and its arguments. */

/** Consent levels. */
export type Level = "off" | "anonymous" | "full";

export type Scalar = string | number | boolean | null;

/** At most 32 properties and 64 KB in total; texts of up to 1,000 characters. The excess is dropped. `category`, also in each of `items`, counts as an interest. */
export type Props = Record<string, Scalar | undefined | readonly (Scalar | Record<string, Scalar | undefined>)[]>;

/** A product that is viewed, listed or bought. */
export type Item = {
  product?: string;
  category?: string;
  price?: number;
  quantity?: number;
  [name: string]: Scalar | undefined;
};

/** For one product, or for several `items`. */
export type Shopping = {
  product?: string;
  category?: string;
  price?: number; // per piece, or the total in a checkout, purchase or refund
  quantity?: number;
  currency?: string; // EUR
  items?: readonly Item[];
  [name: string]: Props[string];
};

export type Order = Shopping & { order: string };

/** Events with predefined properties. Declare yours to have them type-checked: see docs/snippet.md. */
export interface Events {
  view_product: Shopping;
  view_list: Shopping;
  add_to_cart: Shopping;
  remove_from_cart: Shopping;
  checkout: Shopping & { step?: string | number };
  purchase: Order;
  refund: Order;
  offer_seen: Props & { offer: string };
  offer_accepted: Props & { offer: string };
  offer_dismissed: Props & { offer: string };
  survey: Props & { survey: string; question: string; answer: Scalar };
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
  /** The visitor's choice. */
  consent: [level: Level];
  /** Identifies the customer. Your server computes `signature`: the hex HMAC-SHA256 of the id. */
  identify: [id: string | number, proof: { signature: string }];
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
