/** A random id of 22 characters, 110 bits. `crypto.randomUUID` is missing on plain http. */
export const random = (): string =>
  crypto.getRandomValues(new Uint8Array(22)).reduce((id, byte) => id + (byte & 31).toString(32), "");
