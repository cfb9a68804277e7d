/** The wire contract for the snippet. `wakeline/event.py` defines it, with the meaning of each field. */

export const LEVELS = ["off", "anonymous", "full"] as const;
export type Level = (typeof LEVELS)[number];

// Indices in LEVELS: internally levels are numbers.
export const OFF = 0;
export const ANONYMOUS = 1;
export const FULL = 2;

export const MAX_EVENTS = 50; // in one envelope
export const MAX_EVENTS_PER_PAGE = 2_048;

export type Scalar = string | number | boolean | null;
export type Props = Record<string, Scalar | (Scalar | Record<string, Scalar>)[]>;

/** The fields of an event besides the common ones, by type. */
export interface Body {
  // page_view
  title?: string;
  referrer?: string;
  interests?: string | undefined; // split at commas by the collector
  continued?: boolean | undefined;
  // engagement
  engaged_ms?: number;
  scroll?: number;
  leave?: boolean;
  // consent
  level?: Level;
  version?: string | number | undefined;
  wording?: string | undefined;
  purposes?: string[] | undefined;
  // identify
  id?: string | number;
  signature?: string | undefined;
  expires?: number | undefined; // ms since 1970
  // every other type
  props?: Props | undefined;
}

export interface WireEvent extends Body {
  type: string;
  page: string;
  n: number;
  time: number;
  url: string;
  visitor?: string | undefined;
}
