// What the till, the service desk and the newsletter tell of a customer who signed in here, and the warehouse of what was
// ordered. They know nothing of this browser: the shop's server tells Wakeline of them, with the number of the customer
// or the order and its API key.

const $ = (id) => document.getElementById(id)
const TOLD = "panel.told", SHOWN = 6
const WHO = { till: "The till", desk: "The service desk", letter: "The newsletter", warehouse: "The warehouse" }
const kept = (name) => { try { return JSON.parse(sessionStorage.getItem(name)) } catch { return null } }
const customer = () => kept("shop.customer")?.id

/** [{who, words, type, at}]; in the tab's storage, as a step may be due on a later page. */
let told = kept(TOLD) || []
let timer = 0
let isThere = false // the server API takes what they tell

function keep() {
  told = told.slice(0, 4 * SHOWN)
  try { sessionStorage.setItem(TOLD, JSON.stringify(told)) } catch { /* then the list starts over on the next page */ }
}

function draw() {
  const id = isThere ? customer() : ""
  $("elsewhere").hidden = !isThere
  $("tells").hidden = !id
  $("tells-to").textContent = id ? `They know you as ${id}.` : "Sign in under “Your account”, and they know you too."
  clearTimeout(timer)
  const now = Date.now(), due = told.filter((one) => one.at <= now).sort((one, other) => other.at - one.at)
  const next = Math.min(...told.map((one) => one.at).filter((at) => at > now))
  if (next < Infinity) timer = setTimeout(draw, next - now + 20)
  $("told").replaceChildren(...due.slice(0, SHOWN).map((one) => {
    const item = document.createElement("li"), type = document.createElement("b")
    type.textContent = one.type
    item.append(type, ` ${WHO[one.who]} ${one.words}.`)
    return item
  }))
}

async function tell(who, url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Wakeline-Demo": "1" },
    body: JSON.stringify(body),
  })
  const { said, steps } = answer.ok ? await answer.json() : { said: `answered ${answer.status}`, steps: [] }
  const lines = steps.length ? steps : [{ in: 0, type: "", words: `could not tell it: ${said}` }]
  told = [...lines.map((step) => ({ who, type: step.type, words: step.words, at: Date.now() + step.in })).reverse(), ...told]
  keep()
  draw()
}

document.addEventListener("click", (event) => {
  const who = event.target.closest("[data-tell]")?.dataset.tell
  const button = event.target.closest("[data-order]"), what = button?.dataset.order
  const away = () => { isThere = false; draw() }
  if (who && customer()) tell(who, "/panel/tell/" + who, { id: customer() }).catch(away)
  if (!what) return
  button.disabled = true // until there is an answer
  tell("warehouse", "/panel/order/" + what, { visitor: localStorage["wakeline.id"], order: kept("shop.order").number })
    .catch(away).finally(() => { button.disabled = false })
})
document.addEventListener("panel:drawn", ({ detail }) => { isThere = !!detail; draw() })
document.addEventListener("shop:customer", draw)
draw()
