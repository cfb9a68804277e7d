// The document of a fake page and its elements: what a browser has on their prototypes.

export class HTMLDocument {
  #page;

  constructor(page) {
    this.#page = page;
  }

  get hidden() {
    return !this.#page.visible;
  }

  get title() {
    return this.#page.title;
  }

  get referrer() {
    return this.#page.referrer;
  }

  get currentScript() {
    const script = this.#page.scripts.at(-1);
    return script.type == "module" ? null : script;
  }

  hasFocus() {
    return this.#page.focused;
  }

  /** A meta of interests, or a module with this attribute. */
  querySelector(selector) {
    const { interests, scripts } = this.#page;
    const [, name] = /type=module\]\[data-(\w+)/.exec(selector) ?? [];
    if (name) return scripts.find(({ type, dataset }) => type == "module" && name in dataset) ?? null;
    return interests === undefined ? null : { content: interests };
  }

  elementsFromPoint() {
    return this.#page.boxes;
  }
}

/** An element, as the snippet looks at it, inside of those `around` it, innermost first. */
export class HTMLElement {
  #tag;
  #attributes;

  constructor(tag, attributes = {}, around = []) {
    this.#tag = tag;
    this.#attributes = attributes;
    this.path = [this, ...around];
  }

  get tagName() {
    return this.#tag.toUpperCase();
  }

  get href() {
    return new URL(this.#attributes.href, "https://shop.example/").href;
  }

  getAttribute(name) {
    return this.#attributes[name] ?? null;
  }

  getAttributeNames() {
    return Object.keys(this.#attributes);
  }

  matches(selector) {
    return selector.split(",").some((one) => {
      const [, name, attribute] = /^(\w*)(?:\[([\w-]+)\])?$/.exec(one.replace(":any-link", "a[href]"));
      return (!name || name == this.#tag) && (!attribute || attribute in this.#attributes);
    });
  }
}

/** Its links are relative: a path of SVG says what stands in the attribute. */
export class SVGElement extends HTMLElement {
  get href() {
    return { baseVal: this.getAttribute("href") };
  }
}

export class HTMLFormElement extends HTMLElement {
  #names;

  constructor(attributes, names) {
    super("form", attributes);
    this.#names = names;
  }

  get method() {
    return "get";
  }

  get elements() {
    return this.#names.map((name) => ({ name }));
  }
}
