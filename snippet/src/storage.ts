/** localStorage, which may be missing, blocked, full or partitioned: then nothing is stored, without an error. */

import { safe } from "./safe";

export const read = safe((key: string): string | undefined => localStorage["wakeline." + key]);

/** Without a value the key is removed. */
export const write = safe((key: string, value?: string) => {
  if (value) localStorage["wakeline." + key] = value;
  else delete localStorage["wakeline." + key];
});
