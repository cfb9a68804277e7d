/** A random id of about 29 digits, 96 bits. `crypto.randomUUID` is missing on plain http. */
export const random = (): string => crypto.getRandomValues(new Uint32Array(3)).join("");
