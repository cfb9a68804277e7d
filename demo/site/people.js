// The panel's view of people: the best customers, and a household, whose members are known by several devices and to
// several departments. See demo/known.py. All content is inserted as text.

import { $, make } from "/site/dom.js"
import { UNCLEAR, isLoss, isUnclear, kept, latest, many, money, ordersOf, profit, signedIn, strip } from "/site/worth.js"

const EVERY_MS = 1_000, SOON_MS = 100, SOON_FOR_MS = 4_000, INTERESTS = 4, ORDERS = 4
const VIEW = "panel.view" // in the tab

const DEVICES = { mobile: "Phone", tablet: "Tablet", desktop: "Computer" }
const ICONS = { // paths in 24 × 24
  mobile: "M8 3h8a1.5 1.5 0 0 1 1.5 1.5v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.5v-15A1.5 1.5 0 0 1 8 3zM11 18h2",
  tablet: "M5.5 3.5h13A1.5 1.5 0 0 1 20 5v14a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 19V5a1.5 1.5 0 0 1 1.5-1.5zM11 17.5h2",
  desktop: "M4 5h16v11H4zM9 20h6M12 16v4",
  order: "M6 8h12l-1 12H7zM9 8a3 3 0 0 1 6 0",
  contact: "M4 5h16v11H11l-4 4v-4H4z",
  consent: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
  card: "M3.5 6h17v12h-17zM3.5 10h17M7 14.5h4",
}
const STATES = ["closed", "solved", "answered", "opened"]

const isOld = (iso) => Date.now() - Date.parse(iso) > 180 * 86_400_000
const when = (iso) => isOld(iso) ? new Date(iso).toLocaleDateString([], { dateStyle: "medium" })
  : new Date(iso).toLocaleString([], { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" })
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)

let people = null, best = []
let isTold = true // all of their story
let text = "" // of the answer: not redrawn if unchanged
let isAway = false
let asking = "" // whose button was pressed once
let soonUntil = 0
let timer = 0

// ---- drawing

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS(svg.namespaceURI, "path")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("aria-hidden", "true")
  path.setAttribute("d", ICONS[name])
  svg.append(path)
  return svg
}

const row = (of, title, about, figure = "") =>
  make("li", "", icon(of), make("span", "what", make("b", "", title), make("span", "about", about)), make("span", "figure", ...[figure].flat()))

function device({ kind, about, pages, is_shared }) {
  const name = DEVICES[kind] || "Browser"
  return row(kind in ICONS ? kind : "desktop", kind === "tablet" ? `${name}, own turn` : name,
    [about || "its own profile was forgotten", is_shared && "shared"].filter(Boolean).join(" · "), many(pages, "page"))
}

function contact(one) {
  const state = STATES.find((name) => one.states?.[name])
  const grade = one.satisfaction === undefined ? "" : `, ${one.satisfaction} of 10`
  return row("contact", capital(one.topic || "a question"), [`by ${one.channel}`, one.minutes && `${one.minutes} min`].filter(Boolean).join(" · "), `${state}${grade}`)
}

const order = (one) => row("order", one.items.join(", "),
  [one.channel === "web" ? "on the web" : `at the ${one.channel}`, when(one.time), one.state].filter(Boolean).join(" · "), kept(one))

/** Profit and revenue of the last 365 days, and when something was bought. */
function worth({ purchases }) {
  const year = purchases?.year || []
  if (!year.length) return []
  return [make("div", "worth",
    ...year.map((one) => make("p", "", make("b", isLoss(one) ? "loss" : "", profit(one)), ` profit from ${money(one.revenue, one.currency)} of revenue in\u00a0365\u00a0days`)),
    ...year.some(isUnclear) ? [make("p", "faint", UNCLEAR)] : [],
    ...purchases.times.length ? [strip(purchases.times)] : [])]
}

/** One of the best. The site keeps no number, only a hash of it: who is signed in here knows the own one. */
function rank({ customer, profit, currency, number, purchases }, place) {
  const isHere = customer === $("panel").dataset.customer
  const name = number || (isHere && signedIn()) || `${customer.slice(0, 9)}…`
  const year = purchases?.year || []
  const revenue = year.map((one) => money(one.revenue, one.currency)).join(" + ")
  const about = year.length ? [many(ordersOf(year), "order"), `${revenue} revenue`, latest(purchases.times, 1)].filter(Boolean).join(" · ") : ""
  return make("li", "", make("span", "place", String(place + 1)),
    make("span", "what", make("b", "", name, ...(isHere ? [make("span", "here", "you")] : [])), make("span", "about", about)),
    make("span", "figure", purchases ? money(profit, currency) + (ranksUnclear(currency, year) ? "*" : "") : ""))
}

const ranksUnclear = (currency, year) => year.some((one) => one.currency === currency && isUnclear(one))

const consent = ({ level, version, wording, said }) => row("consent", `“${wording}”`, `version ${version} · ${when(said)}`, level)

function buttons(number) {
  const off = $("panel").dataset.level === "off"
  const forget = make("button", "forget", asking === number ? `Forget ${number} for good` : "Forget me")
  forget.type = "button"
  forget.disabled = off
  if (asking === number) forget.dataset.forget = number // shop.js hears it
  forget.dataset.ask = number
  if (asking !== number) return [forget]
  const keep = make("button", "keep", "Keep")
  keep.type = "button"
  keep.dataset.ask = ""
  return [forget, keep]
}

function card(one) {
  const title = make("h3", "", one.number)
  if (!one.is_known) {
    return make("li", "person unknown", make("header", "", title), make("p", "faint", isTold
      ? `Nothing is known of ${one.number}. Orders keep their amounts, and name nobody. Who was forgotten comes back only by an own act, such as signing in.`
      : "Not met yet: the story begins in a few seconds."))
  }
  for (const { number, is_joined } of one.former) {
    title.append(make("span", "former", is_joined ? `once ${number}` : `${number}, not joined yet`))
  }
  const { visits, page_views, engaged_seconds } = one.counts
  const dots = one.interests.slice(0, INTERESTS).map(({ name }) => {
    const dot = make("li", "", name)
    dot.dataset.name = name
    return dot
  })
  return make("li", "person",
    make("header", "", title, make("p", "faint", `${many(page_views, "page")} in ${many(visits, "visit")}, ${Math.round(engaged_seconds)} s engaged`)),
    make("ul", "likes", ...dots),
    ...worth(one),
    make("ul", "rows", ...one.devices.map(device), ...one.orders.slice(0, ORDERS).map(order),
      ...(one.orders.length > ORDERS ? [make("li", "more", `and ${many(one.orders.length - ORDERS, "earlier order")}`)] : []),
      ...one.contacts.map(contact),
      ...(one.consent ? [consent(one.consent)] : []),
      ...(one.has_card ? [row("card", "E-mail address", "on the customer's card", "sealed")] : [])),
    make("code", "", `wakeline profile show ${one.number} --customer`),
    make("footer", "", ...buttons(one.number)))
}

function draw() {
  $("people-away").hidden = !isAway
  $("people-count").hidden = !people
  if (!people) return
  const known = people.filter((one) => one.is_known)
  $("people-persons").textContent = known.length
  $("people-persons").nextSibling.textContent = known.length === 1 ? "person" : "people"
  $("people-devices").textContent = new Set(known.flatMap((one) => one.devices.map(({ id }) => id))).size
  $("people-orders").textContent = known.reduce((sum, one) => sum + one.orders.length, 0)
  $("best-ones").hidden = !best.length
  $("best").replaceChildren(...best.map(rank))
  $("best-unclear").textContent = best.some(({ currency, purchases }) => ranksUnclear(currency, purchases?.year || [])) ? UNCLEAR : ""
  const focused = document.activeElement?.dataset?.ask
  $("people").replaceChildren(...people.map(card))
  if (focused) [...document.querySelectorAll("[data-ask]")].find((one) => one.dataset.ask === focused)?.focus()
  $("people-note").textContent = $("panel").dataset.level === "off"
    ? "Under Off this page sends nothing, so it cannot ask to forget anybody. Choose another level first."
    : "“Forget me” is said by this page and signed by the shop. It ends the person on all devices, and chooses Off here."
}

// ---- reading

async function look() {
  clearTimeout(timer)
  if (document.hidden || $("view-people").hidden) return
  let answer = ""
  try {
    const reply = await fetch("/panel/people", { headers: { "Wakeline-Demo": "1" } })
    if (reply.ok) answer = await reply.text()
  } catch { /* shown as unavailable */ }
  const changed = answer ? answer !== text || isAway : !isAway
  isAway = !answer
  if (answer) { text = answer; ({ people, best, is_told: isTold } = JSON.parse(answer)) }
  if (changed) draw()
  clearTimeout(timer)
  timer = setTimeout(look, Date.now() < soonUntil ? SOON_MS : EVERY_MS)
}

function soon() {
  soonUntil = Date.now() + SOON_FOR_MS
  look()
}

// ---- what moves it

function show(view) {
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view))
  $("view-people").hidden = view !== "people"
  $("view-browser").hidden = view === "people"
  try { sessionStorage.setItem(VIEW, view) } catch { /* the next page starts with the browser */ }
  look()
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button")
  if (button?.dataset.view) show(button.dataset.view)
  if (button?.dataset.ask === undefined) return
  asking = button.dataset.forget ? "" : button.dataset.ask
  draw()
})
let drawn = "" // as they were: a press on a button that is replaced meanwhile would be lost
document.addEventListener("panel:drawn", () => {
  const { level, customer } = $("panel").dataset
  if (drawn !== (drawn = `${level} ${customer}`)) draw()
})
document.addEventListener("shop:consent", soon)
document.addEventListener("visibilitychange", look)
addEventListener("pageshow", (event) => { if (event.persisted) look() })

try { if (sessionStorage.getItem(VIEW) === "people") show("people") } catch { /* storage is blocked */ }
