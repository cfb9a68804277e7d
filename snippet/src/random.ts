/**
 * A random id of 22 characters, 74 bits: the end of the UUID that a blob's address has in every browser, also on plain
 * http, where `crypto.randomUUID` is missing.
 */
export const random = (): string => URL.createObjectURL(new Blob()).slice(-22);
