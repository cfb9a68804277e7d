// "What we know about you": shows what this page sends, and the resulting live profile.
// Only sends requests to the shop's own server and creates no events. All content is inserted as text.

import { $, make } from "/site/dom.js"
import { drawLetters } from "/site/letters.js"
import { drawOwn, drawWorth, signedIn } from "/site/worth.js"

const EVERY_MS = 400, SOON_MS = 100, SOON_FOR_MS = 2_500, SHOWN = 6
const LAST = "panel.last" // in the tab: last state, so that the panel is not empty after a page load

const WHY = {
  page_view: "you opened a page",
  engagement: (event) => `you left it, after ${seconds(event.engaged_ms / 1000)} and ${event.scroll} % of its height`,
  ping: "a sign that you are still here",
  consent: (event) => `you chose “${event.level}”`,
  identify: "you signed in",
  forget: "you want to be forgotten, and the shop signed it",
  view_item: "you looked at a product",
  add_to_cart: "you put something into the cart",
  remove_from_cart: "you took it out again",
  begin_checkout: "you went to order",
  purchase: "you ordered",
  search: "what you searched for, and how much was found",
  newsletter_signup: "you signed up for the letter",
}
const MEANING = {
  off: "Nothing is sent.",
  anonymous: "Pages are counted. Only your choice is stored, nobody is known.",
  full: "A random id in your browser, a profile on our side: this one.",
}
const NOTHING = {
  off: ["We know nothing", ["Nothing is sent from here, not even that somebody opened the page.", "If you withdrew, one last message said so, and your profile was erased."]],
  anonymous: ["We know nothing about you", ["All we know is that somebody opened a page. You are only counted.", "There is no profile to show, and nothing in your browser to find you by. For us you are a hash whose key will be destroyed."]],
}

const BOT = (name) => ["You count as a bot", [
  `This browser ${name ? `calls itself “${name}”` : "says that a program drives it"}. What it sends is taken, and counted apart from people.`,
  "There is no profile of a bot, so there is nothing to show. Open the shop in a browser of your own."]]

const panel = $("panel")
const tag = document.querySelector("script[data-site]")
const stored = (name) => { try { return localStorage.getItem(name) } catch { return null } }
const seconds = (n) => n < 9.95 ? `${n.toFixed(1)} s` : n < 60 ? `${Math.round(n)} s` : `${Math.floor(n / 60)} min ${Math.round(n % 60)} s`
const visitor = () => stored("wakeline.id")
const ordered = () => { try { return JSON.parse(sessionStorage.getItem("shop.order"))?.number || "" } catch { return "" } }

function level() {
  const chosen = stored("wakeline.consent") || tag.dataset.consent
  return chosen === "full" && navigator.globalPrivacyControl ? "anonymous" : chosen
}

// ---- the live profile

let known = null // {visitor, customer, order, mails, bot, departments}: see demo/panel.py
let text = "" // of the answer: not redrawn if unchanged
let isAway = false
let soonUntil = 0
let waitsSince = 0 // when the awaited event happened
let timer = 0

async function look() {
  clearTimeout(timer)
  if (document.hidden) return
  const id = visitor()
  if (id) await ask(id)
  else if (known) { known = null; text = ""; draw() }
  timer = setTimeout(look, Date.now() < soonUntil ? SOON_MS : EVERY_MS)
}

async function ask(id) {
  let answer = ""
  try {
    const asked = new URLSearchParams(Object.entries({ order: ordered(), customer: signedIn() }).filter(([, value]) => value))
    const reply = await fetch(`/panel/profile/${encodeURIComponent(id)}?${asked}`, { headers: { "Wakeline-Demo": "1" } })
    if (reply.ok) answer = await reply.text()
  } catch { /* shown as unavailable */ }
  if (id !== visitor()) return
  const wasAway = isAway
  isAway = !answer
  if (isAway || answer === text) { if (wasAway !== isAway) draw(); return }
  const before = known
  text = answer
  known = JSON.parse(answer)
  if (before?.visitor && waitsSince && known.visitor && known.visitor.last_seen !== before.visitor.last_seen) {
    $("speed").textContent = `here ${Date.now() - waitsSince} ms after it happened`
    waitsSince = 0
  }
  try { sessionStorage.setItem(LAST, JSON.stringify({ id, text })) } catch { /* the next page starts with an empty panel */ }
  draw()
}

function soon() {
  soonUntil = Date.now() + SOON_FOR_MS
  clearTimeout(timer)
  timer = setTimeout(look, SOON_MS)
}

// ---- drawing

function rows(list, pairs) {
  list.replaceChildren(...pairs.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]))
}

const from = ({ source, source_class, campaign, content }) =>
  [source, source_class !== source && source_class, campaign, content].filter(Boolean).join(", ")
const many = (n, name) => `${n} ${name}${n === 1 ? "" : "s"}`
const when = (iso) => new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })

const lines = (texts) => make("div", "", ...texts.map((line) => make("div", "", line)))
/** A visit that a campaign brought. */
const touch = ({ time, source }) => `${[source.campaign, source.content].filter(Boolean).join(", ")}, ${when(time)}`

/** A line for each product, and one for all of them. */
const inCart = (cart) => lines([
  ...Object.entries(cart.items).map(([product, pieces]) => `${pieces} × ${product}`),
  [cart.value && `${cart.value} ${cart.currency}`, cart.is_abandoned && "abandoned"].filter(Boolean).join(", "),
].filter(Boolean))

function drawInterests(interests) {
  const most = Math.max(4, ...interests.map((one) => one.score))
  const bars = new Map([...$("interests").children].map((bar) => [bar.dataset.name, bar]))
  $("interests").replaceChildren(...interests.slice(0, SHOWN).map(({ name, score }) => {
    let bar = bars.get(name)
    if (!bar) {
      bar = make("li", "", make("span", "name", name), make("b", ""), make("i", ""))
      bar.dataset.name = name
      bar.lastChild.style.width = "0"
      bar.getBoundingClientRect() // start the animation from zero
    }
    bar.children[1].textContent = score.toFixed(1)
    requestAnimationFrame(() => { bar.lastChild.style.width = `${(100 * score) / most}%` })
    return bar
  }))
  $("no-interests").hidden = interests.length > 0
}

function drawProfile(profile, customer) {
  drawInterests(profile.interests)
  const session = profile.session
  $("pages").textContent = session ? session.page_views : 0
  $("pages").nextSibling.textContent = session && session.page_views === 1 ? "page" : "pages"
  $("engaged").textContent = seconds(session ? session.engaged_seconds : 0)
  $("visits").textContent = profile.visits
  $("visits").nextSibling.textContent = profile.visits === 1 ? "visit" : "visits"
  rows($("session"), [
    ...session
      ? [["came in on", session.entry], ["is on", session.page], ["came from", from({ ...session, content: profile.last_source?.content })]]
      : [["", "It has ended: half an hour without activity."]],
    ["cart", profile.cart && inCart(profile.cart)],
    ["campaigns", profile.touches?.length && lines(profile.touches.map(touch))],
  ])
  const first = from(profile.first_source), last = from(profile.last_source)
  rows($("person"), [
    ["visitor", profile.id],
    ["customer", profile.customer && profile.customer.slice(0, 13) + "…"],
    ["linked browsers", customer && `${customer.visitors.length}, ${many(customer.page_views, "page")} together`],
    ["device", [profile.device, profile.browser, profile.os].filter(Boolean).join(", ")],
    ["country", profile.country],
    ["first seen", when(profile.first_seen)],
    ["first came from", first],
    ["last came from", last],
    ["all in all", `${many(profile.page_views, "page")}, ${many(profile.events, "event")}, ${seconds(profile.engaged_seconds)}`],
  ])
  const number = profile.customer && signedIn()
  $("command").textContent = `wakeline profile show ${profile.id}`
  $("command-customer").textContent = number ? `wakeline profile show ${number} --customer` : ""
}

const why = (event) => {
  const said = WHY[event.type] || "the shop noted it"
  return typeof said === "string" ? said : said(event)
}

/** A page repeats what an earlier page handed to a beacon, whose answer it never saw. It counts once. */
const reason = (request, older) => {
  const known = new Set(older.flatMap((one) => one.events.map((event) => `${event.page} ${event.n}`)))
  const said = request.events.map((event) => known.has(`${event.page} ${event.n}`) ? "once more, to be sure (it counts once)" : why(event))
  return [...new Set(said)].join("; ")
}

function answered(request) {
  if (request.status === -1) return ["kept, to be sent again", "bad"]
  if (request.via === "beacon") return ["handed over", "good"]
  if (!request.status) return ["…", ""]
  if (request.rejected?.length) return [`${request.status} ${request.rejected[0]}`, "bad"]
  return [String(request.status), request.status === 202 ? "good" : "bad"]
}

function drawSent() {
  const all = watched.list(), list = all.slice(0, SHOWN)
  const open = new Set([...document.querySelectorAll(".sent details[open]")].map((one) => one.dataset.at))
  $("sent").replaceChildren(...list.map((request, place) => {
    const [said, colour] = answered(request)
    const details = make("details", "",
      make("summary", "",
        make("span", "types", [...new Set(request.events.map((event) => event.type))].join(", ")),
        make("span", "answer " + colour, said),
        make("span", "why", reason(request, all.slice(place + 1)))),
      make("p", "facts", `${new Date(request.at).toLocaleTimeString()} · ${request.level} · ${request.bytes} bytes by ${request.via}${request.ms === undefined ? "" : ` · answered in ${request.ms} ms`}`),
      make("pre", "", JSON.stringify(request.events, null, 1)))
    details.dataset.at = request.at
    details.open = open.has(String(request.at))
    return make("li", "", details)
  }))
  $("no-sent").hidden = list.length > 0
}

/** Why there is nothing to show; null if there is a profile, or will be. */
function nothing(at, profile) {
  if (at !== "full") return NOTHING[at]
  return !profile && (known?.bot || navigator.webdriver) ? BOT(known?.bot) : null
}

/** Whose worth is shown: nobody's once the customer has signed out, though the browser stays linked. */
const ownCustomer = () => signedIn() ? known?.customer : null

function gist(at, profile) {
  if (isAway) return "out of reach just now"
  if (nothing(at, profile)) return "nothing"
  if (!profile) return "nothing yet"
  const best = profile.interests[0], orders = ownCustomer()?.purchases?.orders
  return [best && best.name, many(profile.page_views, "page"), orders && many(orders, "order")].filter(Boolean).join(", ")
}

function draw() {
  const at = level()
  const profile = at === "full" ? known?.visitor : null
  const why = nothing(at, profile)
  panel.dataset.level = isAway && at === "full" ? "away" : at
  for (const button of document.querySelectorAll(".levels button")) button.setAttribute("aria-pressed", String(button.dataset.consent === at))
  $("meaning").textContent = isAway && at === "full"
    ? "The profile cannot be read just now. Nothing is lost: it will appear."
    : at === "anonymous" && navigator.globalPrivacyControl ? "Your browser sends Global Privacy Control, so this is as far as it goes."
    : at === "full" && why ? "A random id in your browser, and no profile." : MEANING[at]
  $("gist").textContent = gist(at, profile)
  $("nothing").hidden = !why
  $("nothing-show").hidden = !!navigator.globalPrivacyControl || at === "full"
  $("known").hidden = $("you").hidden = !profile
  if (why) {
    const [title, lines] = why
    $("nothing-title").textContent = title
    $("nothing-text").replaceChildren(...lines.map((line) => make("p", "", line)))
  }
  if (profile) drawProfile(profile, known.customer)
  const customer = profile && ownCustomer()
  drawWorth(customer?.purchases, known?.order)
  drawOwn(profile && known.order, known?.departments)
  drawLetters(profile && signedIn() ? known : null)
  panel.dataset.customer = customer?.id || ""
  document.dispatchEvent(new CustomEvent("panel:drawn", { detail: at === "full" && !isAway && known?.departments }))
}

// ---- what moves it

watched.listen((request) => {
  drawSent()
  if (!request.status) waitsSince = Math.max(...request.events.map((event) => event.time))
  soon()
})
document.addEventListener("shop:consent", () => { text = ""; draw(); soon() })
document.addEventListener("shop:customer", draw)
document.addEventListener("letters:told", soon)
document.addEventListener("visibilitychange", () => { if (!document.hidden) look() })
addEventListener("pageshow", (event) => { if (event.persisted) { drawSent(); look() } })
addEventListener("storage", () => { text = ""; draw(); soon() })

const handle = $("panel-handle")
const narrow = matchMedia("(max-width: 1023px)")
handle.addEventListener("click", () => {
  if (!narrow.matches) return
  handle.setAttribute("aria-expanded", String(panel.classList.toggle("open")))
})
const suit = () => handle.setAttribute("aria-expanded", String(!narrow.matches || panel.classList.contains("open")))
narrow.addEventListener("change", suit)
suit()

try {
  const last = JSON.parse(sessionStorage.getItem(LAST))
  if (last && last.id === visitor()) { text = last.text; known = JSON.parse(last.text) }
} catch { /* nothing was shown before */ }
draw()
drawSent()
look()
