/** Wakeline's page side: every call, with what it takes. */

/** How much a visitor allows. */
export type Level = "off" | "anonymous" | "full";

export type Scalar = string | number | boolean | null;

/** At most 32 properties; texts of up to 1,000 characters; what is more is left out; 64 KB in all. `category`, also of each of `items`, counts as an interest. */
export type Props = Record<string, Scalar | undefined | readonly (Scalar | Record<string, Scalar | undefined>)[]>;

/** A product, as it is seen, listed or bought. */
export type Item = {
  product?: string;
  category?: string;
  price?: number;
  quantity?: number;
  [name: string]: Scalar | undefined;
};

/** Of one product, or of several `items`. */
export type Shopping = {
  product?: string;
  category?: string;
  price?: number; // of one piece, or of everything at a checkout, purchase or refund
  quantity?: number;
  currency?: string; // EUR
  items?: readonly Item[];
  [name: string]: Props[string];
};

export type Order = Shopping & { order: string };

/** Events with properties of their own. Declare yours to have them checked: docs/snippet.md says how. */
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

/** What is about to be sent. */
export interface WakelineEvent {
  readonly type: string; // page_view, engagement, ping, identify, or the name of a custom event
  readonly page: string;
  readonly n: number;
  readonly time: number; // ms since 1970
  url: string; // a relative one counts from the root of the host
  title?: string;
  referrer?: string;
  interests?: string; // with commas between them
  props?: Props;
  readonly visitor?: string;
  [field: string]: unknown;
}

interface Commands {
  /** Something happened, with a name of your own. */
  event: [name: string, props?: Props];
  /** The visitor has chosen. */
  consent: [level: Level];
  /** The customer is known. `signature` is made by your server: the hex HMAC-SHA256 of the id. */
  identify: [id: string | number, proof: { signature: string }];
  /** Logged out: who comes next is somebody else. */
  reset: [];
  /** The console says what is sent, and why something is not. */
  debug: [];
  /** Looks at each event before it is sent: returns it at once, changed or not, or nothing to drop it. Calls no `wakeline`. */
  beforeSend: [edit: (event: WakelineEvent) => WakelineEvent | null | undefined | void];
}

/** Props may be left out where none is required. */
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
  /** Where events go: https://stats.your-site.example/v1/events */
  endpoint: string;
  /** Level before a visitor has chosen; anonymous by default. `full` only on a legal basis of your own. */
  consent?: Level;
  /** The fragment is part of the route: /app#/shoes/42 */
  hash?: boolean;
  /** URL parameter of the site's own search: q */
  search?: string;
}

/** Begins. Does nothing on a server, called twice, or on a page that has a script tag of ours. */
export function init(options: Options): void;

/** What is called before `init` waits for it. Does nothing on a server. */
export const wakeline: Wakeline;
