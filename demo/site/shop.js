// The shop's own page side: basket, client-side navigation, privacy choices, and what it tells Wakeline.
(() => {
  const main = () => document.getElementById("main")
  const stored = name => { try { return localStorage.getItem(name) } catch { return null } }
  const store = (name, value) => { try { localStorage.setItem(name, value) } catch { /* a private window: the basket lives as long as the page */ } }
  const toast = text => {
    document.querySelector(".toast")?.remove()
    const shown = Object.assign(document.createElement("div"), { className: "toast", textContent: text, role: "status" })
    document.body.append(shown)
    setTimeout(() => shown.remove(), 2200)
  }

  // ---- basket
  let basket = JSON.parse(stored("shop.basket") || "[]")  // [{product, category, price, quantity}]
  const count = () => basket.reduce((sum, line) => sum + line.quantity, 0)
  const value = () => basket.reduce((sum, line) => sum + line.price * line.quantity, 0)
  const keep = () => {
    store("shop.basket", JSON.stringify(basket))
    for (const badge of document.querySelectorAll("[data-count]")) { badge.textContent = count(); badge.hidden = !count() }
  }
  const shown = () => ({ product: main().dataset.product, category: main().dataset.category, price: Number(main().dataset.price), currency: "EUR" })
  function add() {
    const { product, category, price } = shown()
    const line = basket.find(one => one.product === product)
    if (line) line.quantity++
    else basket.push({ product, category, price, quantity: 1 })
    keep()
    wakeline("event", "add_to_cart", { ...shown(), quantity: 1 })
    toast("It is in your basket")
  }
  function remove(product) {
    const line = basket.find(one => one.product === product)
    basket = basket.filter(one => one !== line)
    keep()
    wakeline("event", "remove_from_cart", { product, category: line.category, price: line.price, currency: "EUR" })
    drawBasket()
  }
  function order() {
    const number = Math.random().toString(36).slice(2, 8).toUpperCase()
    wakeline("event", "checkout", { value: value(), currency: "EUR" })
    store("shop.order", JSON.stringify({ order: number, value: value(), currency: "EUR", items: basket }))
    basket = []
    keep()
    location.href = "/order"
  }
  const element = (tag, attributes, ...children) => {
    const made = Object.assign(document.createElement(tag), attributes)
    made.append(...children)
    return made
  }
  const named = id => id.replace(/-/g, " ").replace(/^./, letter => letter.toUpperCase())
  function drawBasket() {
    const place = document.querySelector("[data-cart]")
    if (!place) return
    if (!basket.length) return place.replaceChildren(element("p", { className: "lead" }, "It is empty. "), element("a", { href: "/", className: "button" }, "Look around"))
    place.replaceChildren(
      element("ul", { className: "lines" }, ...basket.map(line => element("li", {},
        element("img", { src: `/site/art/${line.product}.svg`, alt: "" }),
        element("span", {}, element("a", { href: `/${line.category}/${line.product}` }, named(line.product)), ` × ${line.quantity}`),
        element("span", { className: "price" }, `€ ${line.price * line.quantity}`),
        element("button", { type: "button", onclick: () => remove(line.product) }, "Remove")))),
      element("p", { className: "price" }, `In all € ${value()}`),
      element("button", { type: "button", className: "button", id: "order", onclick: order }, "Order (a demo: nothing is paid)"))
  }
  function thank() {
    const place = document.querySelector("[data-order]"), placed = JSON.parse(stored("shop.order") || "null")
    if (!place || !placed) return
    try { localStorage.removeItem("shop.order") } catch { /* see store */ }
    place.textContent = `Order ${placed.order}, € ${placed.value}. We would be packing it now.`
    wakeline("event", "purchase", placed)
  }

  // ---- each page, loaded or navigated to
  function arrive() {
    keep()
    drawBasket()
    for (const link of document.querySelectorAll(".top nav a"))
      location.pathname.startsWith(link.pathname) ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")
    const { product, results } = main().dataset
    if (product) wakeline("event", "view_product", shown())
    if (results) wakeline("event", "search", { results: Number(results) })
    thank()
    document.querySelector("[data-add]")?.addEventListener("click", add)
    document.querySelector("[data-newsletter]")?.addEventListener("submit", subscribe)
    document.querySelector("[data-login]")?.addEventListener("submit", logIn)
  }

  // ---- client-side navigation within a category, as single-page shops do it
  async function go(url, push) {
    const answer = await fetch(url)
    const next = new DOMParser().parseFromString(await answer.text(), "text/html")
    if (push) history.pushState(null, "", url)
    document.title = next.title
    document.querySelector('meta[name="wakeline:interest"]')?.remove()
    const interest = next.querySelector('meta[name="wakeline:interest"]')
    if (interest) document.head.append(interest)
    main().replaceWith(next.getElementById("main"))
    scrollTo(0, 0)
    arrive()
  }
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-soft]")
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    go(link.href, true).catch(() => { location.href = link.href })
  })
  addEventListener("popstate", () => go(location.href, false).catch(() => location.reload()))

  // ---- forms
  function subscribe(event) {
    event.preventDefault()
    wakeline("event", "newsletter_signup")
    event.target.querySelector("output").textContent = "Thank you! (Nothing left your browser but the fact.)"
  }
  async function logIn(event) {
    event.preventDefault()
    const output = event.target.querySelector("output"), id = new FormData(event.target).get("id").trim().toLowerCase()
    const answer = await fetch("/account/sign", { method: "POST", body: new URLSearchParams({ id }) })
    if (!answer.ok) { output.textContent = "That did not work."; return }
    const { signature } = await answer.json()
    wakeline("identify", id, { signature })
    output.textContent = stored("wakeline.id") ? "You are logged in; look at the panel." : "You are logged in. Since you are only counted, Wakeline was not told who you are."
  }

  // ---- privacy choices
  const banner = document.querySelector(".banner")
  window.shopChoices = () => { banner.hidden = false; banner.querySelector("button").focus() }
  document.querySelector("[data-choices]").addEventListener("click", window.shopChoices)
  banner.addEventListener("click", event => {
    const level = event.target.dataset.consent
    if (!level) return
    wakeline("consent", level)
    banner.hidden = true
  })
  banner.hidden = !!stored("wakeline.consent")
  arrive()
})()
