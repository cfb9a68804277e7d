/** The wire contract as the page sees it. `wakeline/event.py` declares it and says what each field means. */

export const LEVELS = ["off", "anonymous", "full"] as const;
export type Level = (typeof LEVELS)[number];

// Indices in LEVELS: levels are numbers inside.
export const OFF = 0;
export const ANONYMOUS = 1;
export const FULL = 2;

export const MAX_EVENTS = 50; // in one envelope
export const MAX_EVENTS_PER_PAGE = 2_048;

export type Scalar = string | number | boolean | null;
export type Props = Record<string, Scalar | (Scalar | Record<string, Scalar>)[]>;

export interface PageView {
  title: string;
  referrer: string;
  interests?: string | undefined; // split at its commas by the collector
  continued?: boolean | undefined;
}

export interface Engagement {
  engaged_ms: number;
  scroll: number;
  leave: boolean;
}

export type Body =
  | PageView
  | Engagement
  | { level: Level }
  | { id: string; signature?: string }
  | { props: Props | undefined };

export interface WireEvent {
  type: string;
  page: string;
  n: number;
  time: number;
  url: string;
  visitor?: string | undefined;
  props?: Props | undefined;
}
