/** What is read of `document`, past the elements of the page: one with a name of its own, `hidden` or `title`, hides that. */
export const doc = <Name extends keyof Document>(name: Name): Document[Name] => Reflect.get(Object.getPrototypeOf(document), name, document);
