// What a customer is worth to the shop, and what became of orders: pieces that both views of the panel draw.
// All content is inserted as text.

import { $, make } from "/site/dom.js"

const DAY_MS = 86_400_000, YEAR_DAYS = 365

/** "€129", "−€4.20". Amounts are texts, so that none is rounded on its way. */
export const money = (amount, currency) => Number(amount)
  .toLocaleString([], { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" }).replace(/^-/, "−")

export const many = (n, name) => `${n} ${name}${n === 1 ? "" : "s"}`
const day = (time) => new Date(time).toLocaleDateString([], { day: "numeric", month: "short" })
const daysAgo = (time) => (Date.now() - Date.parse(time)) / DAY_MS

/** The number of the customer who is signed in here, "" without one. The site keeps none, only a hash of it. */
export function signedIn() {
  try {
    const { id, expires } = JSON.parse(sessionStorage.getItem("shop.customer"))
    return expires > Date.now() ? id : ""
  } catch { return "" }
}

// ---- of the sums of orders in one currency, or of several such

export const UNCLEAR = "* without orders whose margin is not known"
export const isUnclear = (one) => Number(one.revenue_of_unknown_margin) > 0
export const isLoss = (one) => Number(one.profit) < 0 && !isUnclear(one)
const starred = (amount, one) => money(amount, one.currency) + (isUnclear(one) ? "*" : "")
export const profit = (one) => starred(one.profit, one)
export const ordersOf = (sums) => sums.reduce((sum, one) => sum + one.orders, 0)

/** A mark for each day of the last year on which something was bought, higher for several orders. */
export function strip(times) {
  const days = new Map()
  for (const time of times) if (daysAgo(time) < YEAR_DAYS) days.set(day(time), [...days.get(day(time)) || [], time])
  const line = make("div", "days")
  line.setAttribute("role", "img")
  line.setAttribute("aria-label", days.size ? `Bought on ${[...days.keys()].join(", ")}` : "Nothing was bought in the last year")
  for (const [name, [time, ...more]] of days) {
    const mark = make("i", "")
    mark.title = more.length ? `${name}: ${many(more.length + 1, "order")}` : name
    mark.style.setProperty("--at", 1 - Math.max(0, daysAgo(time)) / YEAR_DAYS)
    mark.style.height = `${Math.min(100, 60 + 20 * more.length)}%`
    line.append(mark)
  }
  const ends = make("p", "ends", make("span", "", "a year ago"), make("span", "", "today"))
  ends.setAttribute("aria-hidden", "true")
  return make("div", "", line, ends)
}

/** The days of the latest purchases, as words: "today, 14 Oct, 2 Aug". */
export function latest(times, most = 4) {
  const today = day(Date.now())
  const days = [...new Set(times.map((time) => daysAgo(time) < YEAR_DAYS ? day(time) : new Date(time).toLocaleDateString([], { month: "short", year: "numeric" })))]
  const words = days.slice(0, most).map((one) => one === today ? "today" : one)
  return words.join(", ") + (days.length > most && most > 1 ? " …" : "")
}

/** What was kept of an order, after what was to be paid if that is more. */
export function kept({ value, kept, refunded, currency }) {
  if (kept === null) return value === null ? "" : money(value, currency)
  return Number(refunded) ? [make("s", "", money(value, currency)), ` ${money(kept, currency)}`] : money(kept, currency)
}

// ---- in the view of this browser

const ROWS = [
  ["Revenue kept", (one) => money(one.revenue, one.currency)],
  ["Margin", (one) => starred(one.margin, one)],
  ["Cost to serve", (one) => Number(one.cost_to_serve) ? money(-one.cost_to_serve, one.currency) : money(0, one.currency)],
  ["Profit", profit],
]
const NOTHING = { revenue: 0, margin: 0, cost_to_serve: 0, profit: 0 }
const WAY = ["bought", "paid", "shipped", "delivered"]
const ENDS = ["returned", "cancelled"]

const told = new Map() // what each cell said, so that a change is seen

function cell(name, lines, className = () => "") {
  const element = make("td", "", ...lines.map((line, place) => make("span", className(place), line))), said = lines.join()
  if (told.has(name) && told.get(name) !== said) element.classList.add("moved")
  told.set(name, said)
  return element
}

function line(name, ...cells) {
  const row = make("tr", name === "Profit" ? "sum" : "", make("th", "", name), ...cells)
  row.firstChild.scope = "row"
  return row
}

/** The customer's section, with a line for each currency; hidden without purchases. `order`: the visitor's own, if any. */
export function drawWorth(purchases, order) {
  const sums = purchases ? [...purchases.all_time, ...purchases.year] : []
  $("worth").hidden = !sums.length
  if (!sums.length) return told.clear()
  const currencies = [...new Set(sums.map((one) => one.currency))]
  const columns = ["year", "all_time"].map((of) =>
    [of, currencies.map((currency) => purchases[of].find((one) => one.currency === currency) || { ...NOTHING, currency })])
  $("worth-rows").replaceChildren(
    line("Orders", cell("Orders year", [ordersOf(purchases.year)]), cell("Orders all_time", [purchases.orders])),
    ...ROWS.map(([name, read]) => line(name, ...columns.map(([of, those]) =>
      cell(`${name} ${of}`, those.map(read), (place) => name === "Profit" && isLoss(those[place]) ? "loss" : "")))))
  $("worth-unclear").textContent = sums.some(isUnclear) ? UNCLEAR : ""
  const { times } = purchases, hasBought = order || sums.some((one) => Number(one.margin))
  $("worth-strip").replaceChildren(...times.length ? [strip(times)] : [])
  $("worth-days").textContent = times.length ? `Last bought ${latest(times)}`
    : hasBought && !purchases.orders ? "No purchases that were kept." : ""
}

/** The section of the visitor's own order; hidden without one. */
export function drawOwn(order, isHeard) {
  $("own").hidden = !order
  if (!order) return
  $("own-number").textContent = order.number
  $("own-items").textContent = order.items.join(", ")
  const ends = ENDS.filter((state) => order.states[state])
  $("own-way").replaceChildren(...[...WAY, ...ends].map((state) => {
    const step = make("li", state === "bought" || order.states[state] ? "done" : "", state)
    if (ends.includes(state)) step.classList.add("end")
    return step
  }))
  for (const name of ["value", "refunded", "kept"]) {
    $(`own-${name}`).textContent = order[name] === null ? "–" : money(order[name], order.currency)
  }
  $("own-does").hidden = !isHeard || !order.left
  $("own-ship").hidden = !!order.states.shipped
}
