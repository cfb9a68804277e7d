// The shop's client side: cart, consent, sign-in, navigation within a category, and its Wakeline calls.

const $ = (selector, within = document) => within.querySelector(selector)
const make = (tag, attributes, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes)
  element.append(...children)
  return element
}
const money = (amount) => `€${amount}`

// ---- data of this tab

const keep = (name, value) => { try { sessionStorage.setItem("shop." + name, JSON.stringify(value)) } catch { /* blocked */ } }
const kept = (name) => { try { return JSON.parse(sessionStorage.getItem("shop." + name)) } catch { return null } }
const stored = (name) => { try { return localStorage.getItem(name) } catch { return null } }

function toast(text, href, label) {
  const place = $("#toast")
  place.replaceChildren(text, ...(href ? [" ", make("a", { href }, label)] : []))
  place.classList.add("up")
  clearTimeout(toast.timer)
  toast.timer = setTimeout(() => place.classList.remove("up"), 3500)
}

// ---- cart: [{id, category, name, price, quantity}]

const cart = () => kept("cart") || []
const worth = (lines) => lines.reduce((sum, line) => sum + line.price * line.quantity, 0)
/** Lines of the cart as properties of an event. */
const told = (lines) => ({
  value: worth(lines), currency: "EUR",
  items: lines.map(({ id, category, price, quantity }) => ({ item_id: id, item_category: category, price, quantity })),
})

function setCart(lines) {
  keep("cart", lines)
  const count = lines.reduce((sum, line) => sum + line.quantity, 0)
  $("#cart-count").textContent = count
  $("#cart-count").hidden = !count
}

function shown() {
  const { product, category, price } = $("[data-product]").dataset
  return { id: product, category, name: $("h1").textContent, price: Number(price), quantity: 1 }
}

function add() {
  const wanted = shown()
  const lines = cart()
  const line = lines.find((one) => one.id === wanted.id)
  if (line) line.quantity += 1
  else lines.push(wanted)
  setCart(lines)
  wakeline("event", "add_to_cart", told([shown()]))
  toast("It is in your cart.", "/cart", "Look")
}

function remove(line) {
  setCart(cart().filter((one) => one.id !== line.id))
  wakeline("event", "remove_from_cart", told([line]))
  drawCart(cart(), true)
}

function order() {
  const lines = cart()
  wakeline("event", "begin_checkout", told(lines))
  const number = "T" + crypto.getRandomValues(new Uint32Array(1))[0].toString(36).toUpperCase().slice(-5)
  keep("order", { number, lines, isNew: true })
  setCart([])
  location.href = "/order"
}

function drawCart(lines, isOpen) {
  $("#cart").replaceChildren(...lines.map((line) => make("div", { className: "line" },
    make("img", { src: `/site/art/${line.id}.svg`, alt: "", width: 72, height: 72 }),
    make("a", { href: `/${line.category}/${line.id}` }, line.name),
    make("span", { className: "many" }, line.quantity > 1 ? `${line.quantity} × ${money(line.price)}` : ""),
    make("b", {}, money(line.price * line.quantity)),
    ...(isOpen ? [make("button", { type: "button", className: "link", onclick: () => remove(line) }, "Remove")] : []))))
  $("#cart-total b").textContent = money(worth(lines))
  $("#cart-total").hidden = !lines.length
  if (!isOpen) return
  $("#cart-empty").hidden = !!lines.length
  $("#order").hidden = $("#cart-note").hidden = !lines.length
}

/** A reload of this page is not a second purchase. */
function thank() {
  const last = kept("order")
  if (!last) return
  drawCart(last.lines, false)
  $("#order-said").textContent = `Order ${last.number} is on its way to nowhere: this was a demo. The panel shows what becomes of it.`
  if (!last.isNew) return
  keep("order", { ...last, isNew: false })
  wakeline("event", "purchase", { transaction_id: last.number, ...told(last.lines) })
}

// ---- consent

const banner = $("#consent")
const showBanner = (isShown) => { banner.hidden = !isShown }
showBanner(!stored("wakeline.consent"))

function choose(level) {
  wakeline("consent", level, { version: 1, wording: $("#consent-title").textContent })
  showBanner(false)
  identify()
  document.dispatchEvent(new Event("shop:consent"))
}

/** A customer on all devices, with the shop's signature; without a number only this browser. Either ends in `off`. */
async function forget(id) {
  if (stored("wakeline.consent") === "off") return toast("Under Off this page sends nothing. Choose another level first.")
  if (id) {
    const answer = await asked("/account/forget", id)
    if (!answer.ok) return toast("The shop did not sign that.")
    const { signature, expires } = await answer.json()
    wakeline("forget", id, { signature, expires })
  } else wakeline("forget")
  if (id === signedIn()?.id) keep("customer", null)
  showBanner(false)
  if (path === "/account") drawAccount()
  document.dispatchEvent(new Event("shop:consent"))
  toast(`${id || "This browser"} is forgotten, and Off is chosen here.`)
}

/** As a banner's platform tells it, in Google's consent mode: wakeline.consent.js makes a level of it. */
function platform(level) {
  const said = (is) => is ? "granted" : "denied"
  window.dataLayer ||= []
  const gtag = function () { dataLayer.push(arguments) }
  gtag("consent", "update", { analytics_storage: said(level !== "off"), personalization_storage: said(level === "full") })
  showBanner(false)
  identify()
  document.dispatchEvent(new Event("shop:consent"))
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button")
  if (!button) return
  if (button.dataset.platform) platform(button.dataset.platform)
  if ("forget" in button.dataset) forget(button.dataset.forget || signedIn()?.id).catch(() => toast("The shop does not answer."))
  if (button.dataset.consent) choose(button.dataset.consent)
  if ("choices" in button.dataset) { showBanner(true); $("button", banner).focus() }
  if ("add" in button.dataset) add()
  if (button.id === "order") order()
  if (button.id === "sign-out") { keep("customer", null); drawAccount() }
})

// ---- sign-in: the server signs, the page passes it on

/** What the shop's server signs of a customer. */
const asked = (url, id) => fetch(url, {
  method: "POST",
  headers: { "Content-Type": "application/json", "Wakeline-Demo": "1" },
  body: JSON.stringify({ id }),
})

/** Until the signature ends, as a session does. */
function signedIn() {
  const customer = kept("customer")
  return customer?.expires > Date.now() ? customer : null
}

/** Once per visitor id: later consent creates a new one. */
function identify() {
  const customer = signedIn(), visitor = stored("wakeline.id")
  if (!customer || !visitor || customer.told === visitor) return
  wakeline("identify", customer.id, { signature: customer.signature, expires: customer.expires })
  keep("customer", { ...customer, told: visitor })
}

function drawAccount() {
  const customer = signedIn()
  $("#signed-out").hidden = !!customer
  $("#signed-in").hidden = !customer
  document.dispatchEvent(new Event("shop:customer"))
  if (!customer) return
  $("#signed-as").textContent = customer.id
  $("#linked-said").textContent = stored("wakeline.id")
    ? "Wakeline was told, with the signature, and links this browser to the customer. The panel shows it."
    : "You are only counted, so Wakeline was told nothing. Choose Full, and it will be."
}

async function signIn(form) {
  const answer = await asked("/account/sign-in", new FormData(form).get("id"))
  if (!answer.ok) return toast("That did not work. Letters, digits and dashes, please.")
  keep("customer", await answer.json())
  identify()
  drawAccount()
}

document.addEventListener("submit", (event) => {
  if ("login" in event.target.dataset) {
    event.preventDefault()
    signIn(event.target).catch(() => toast("The shop does not answer."))
  }
  if ("newsletter" in event.target.dataset) {
    event.preventDefault()
    wakeline("event", "newsletter_signup")
    $("#subscribed").textContent = "Thank you. Nothing left your browser but the fact."
  }
})

// ---- within a category pages change without a load, as in a single-page app

async function go(url, isNew) {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${answer.status}`)
  const next = new DOMParser().parseFromString(await answer.text(), "text/html")
  const swap = () => {
    document.title = next.title
    const meta = (page) => $('meta[name="wakeline:interest"]', page)
    meta(document)?.remove()
    if (meta(next)) document.head.append(meta(next))
    $("#main").replaceWith($("#main", next))
    $(".shelves").replaceWith($(".shelves", next))
    if (isNew) history.pushState(null, "", url)
    scrollTo(0, 0)
    $("#main").focus({ preventScroll: true })
    arrive()
  }
  if (document.startViewTransition && !matchMedia("(prefers-reduced-motion: reduce)").matches) document.startViewTransition(swap)
  else swap()
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-soft]")
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  go(link.href, true).catch(() => { location.href = link.href })
})

let path = location.pathname
addEventListener("popstate", () => {
  if (location.pathname !== path) go(location.href, false).catch(() => location.reload())
})

// ---- each page, loaded or navigated to

function arrive() {
  path = location.pathname
  setCart(cart())
  if ($("[data-product]")) wakeline("event", "view_item", told([shown()]))
  const { results } = $("[data-results]")?.dataset || {}
  if (results) wakeline("event", "search", { search_term: $("#words").value, results: Number(results) })
  if (path === "/cart") drawCart(cart(), true)
  if (path === "/order") thank()
  if (path === "/account") drawAccount()
}

addEventListener("pageshow", (event) => {
  if (!event.persisted) return // from the back/forward cache: the cart may have changed meanwhile
  setCart(cart())
  showBanner(!stored("wakeline.consent"))
})

arrive()
identify()
