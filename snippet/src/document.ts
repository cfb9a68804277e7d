/** Reads properties of `document`, even if an element of that name, e.g. `hidden` or `title`, hides them. */
export const doc = <Name extends keyof Document>(name: Name): Document[Name] => Reflect.get(Object.getPrototypeOf(document), name, document);
