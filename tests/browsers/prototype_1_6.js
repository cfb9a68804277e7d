// What Prototype.js 1.6 does to the language and to the page, as far as it gets in the way of other scripts.
(() => {
  const add = (to, methods) => {
    for (const name in methods) to[name] = methods[name];
  };
  const text = (value) => {
    if (value == null) return "null";
    if (value.toJSON) return value.toJSON();
    if (typeof value != "object") return String(value);
    return `{${Object.keys(value).map((name) => `${name.toJSON()}: ${text(value[name])}`).join(", ")}}`;
  };
  // A step gets the value and its place, and never the whole; `this` may be given.
  const each = function (step, self) {
    const of = step.bind(self);
    let index = 0;
    this._each((value) => of(value, index++));
    return this;
  };
  const gather = (put) =>
    function (step = (value) => value, self) {
      const found = [];
      each.call(this, (value, index) => put(found, step.call(self, value, index), value));
      return found;
    };
  const map = gather((found, result) => found.push(result));
  const filter = gather((found, result, value) => result && found.push(value));
  const inject = function (memo, step, self) {
    each.call(this, (value, index) => (memo = step.call(self, memo, value, index)));
    return memo;
  };
  const find = function (step, self) {
    return filter.call(this, step, self)[0];
  };
  const has = function (value) {
    return this.indexOf(value) != -1;
  };
  const every = function (step = (value) => value, self) {
    return filter.call(this, step, self).length == this.length;
  };
  const some = function (step = (value) => value, self) {
    return filter.call(this, step, self).length > 0;
  };
  const clone = function () {
    return [].concat(this);
  };
  const from = (list) => {
    if (!list) return [];
    if (list.toArray) return list.toArray();
    const found = [];
    for (let at = 0; at < (list.length || 0); at++) found.push(list[at]);
    return found;
  };

  add(Function.prototype, {
    bind(self, ...first) {
      return self === undefined && !first.length ? this : (...rest) => this.apply(self, [...first, ...rest]);
    },
    delay(seconds, ...values) {
      return setTimeout(() => this.apply(this, values), seconds * 1000);
    },
    defer(...values) {
      return this.delay(0.01, ...values);
    },
    wrap(wrapper) {
      const inner = this;
      return function (...values) {
        return wrapper.apply(this, [inner.bind(this), ...values]);
      };
    },
  });
  Array.prototype._each = Array.prototype.forEach;
  Array.prototype._reverse = Array.prototype.reverse;
  add(Array.prototype, { each, map, filter, find, every, some, inject, clone, collect: map, detect: find, findAll: filter });
  add(Array.prototype, {
    include: has,
    member: has,
    entries: clone,
    toArray: clone,
    clear() {
      this.length = 0;
      return this;
    },
    first() {
      return this[0];
    },
    last() {
      return this[this.length - 1];
    },
    reverse(inline) {
      return (inline === false ? this.toArray() : this)._reverse();
    },
    reduce() {
      return this.length > 1 ? this : this[0];
    },
    without(...values) {
      return this.filter((value) => !values.include(value));
    },
    size() {
      return this.length;
    },
    toJSON() {
      return `[${this.map(text).join(", ")}]`;
    },
  });
  Array.from = from;
  add(String.prototype, {
    toJSON() {
      return `"${this.replace(/["\\]/g, "\\$&")}"`;
    },
    include(part) {
      return this.indexOf(part) > -1;
    },
    startsWith(part) {
      return this.indexOf(part) === 0;
    },
    endsWith(part) {
      const at = this.length - part.length;
      return at >= 0 && this.lastIndexOf(part) === at;
    },
    sub(pattern, put) {
      return this.replace(pattern, put);
    },
    toArray() {
      return this.split("");
    },
    strip() {
      return this.replace(/^\s+|\s+$/g, "");
    },
  });
  Number.prototype.toJSON = function () {
    return isFinite(this) ? this.toString() : "null";
  };
  Date.prototype.toJSON = function () {
    return `"${this.toISOString().slice(0, 19)}Z"`;
  };
  RegExp.prototype.match = RegExp.prototype.test;
  add(Object, {
    keys(object) {
      const found = [];
      for (const name in object) found.push(name);
      return found;
    },
    values(object) {
      const found = [];
      for (const name in object) found.push(object[name]);
      return found;
    },
    extend: add,
    toJSON: text,
    clone: (object) => ({ ...object }),
  });

  // Elements are made by `new Element("p", {...})`, and each of them has more methods.
  const Real = Element;
  window.Element = function (name, attributes) {
    const made = document.createElement(name);
    for (const attribute in attributes) made.setAttribute(attribute, attributes[attribute]);
    return made;
  };
  add(window.Element, Real);
  window.Element.prototype = Real.prototype;
  add(HTMLElement.prototype, {
    visible() {
      return this.style.display != "none";
    },
    hide() {
      this.style.display = "none";
      return this;
    },
    show() {
      this.style.display = "";
      return this;
    },
    select(selector) {
      return from(this.querySelectorAll(selector));
    },
    up() {
      return this.parentNode;
    },
  });
  add(HTMLFormElement.prototype, {
    serialize() {
      return this.getElements().map((field) => `${field.name}=${field.value}`).join("&");
    },
    getElements() {
      return from(this.elements);
    },
  });
  add(document, { fire() {}, observe() {}, stopObserving() {}, loaded: false, viewport: { getWidth: () => innerWidth } });
  Object.extend(window.Event, { KEY_RETURN: 13, cache: {}, observe() {}, stop: (event) => event.preventDefault() });
  window.$ = (id) => document.getElementById(id);
  window.$A = from;
})();
