// Mails to the customer who is signed in: whether what is done with them may be seen, and what was. See demo/letters.py.
// All content is inserted as text.

import { $, make } from "/site/dom.js"
import { signedIn } from "/site/worth.js"

const CHANNEL = "email", PURPOSE = "contact", SHOWN = 3, SOON_MS = 1_500
const AGREED = "You agreed to the purpose “contact”: opens and clicks are yours by name."
const NOT_AGREED = "You did not agree to the purpose “contact”: opens and clicks count, and nobody knows that they are yours."

const clock = (iso) => new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })
const whole = (words) => words.replace(/\s/g, "\u00a0") // on one line
let chosen = null, chosenUntil = 0 // what was just chosen, until it is known

/** What became of a mail, the latest first. */
const states = ({ sent, opened, clicked, link, unsubscribed, opened_by_machine, clicked_by_machine }) => [
  unsubscribed && `unsubscribed ${clock(unsubscribed)}`,
  clicked && `clicked ${link ? `“${link}” ` : ""}${clock(clicked)}`,
  !clicked && clicked_by_machine && `clicked by a machine, so soon: ${clock(clicked_by_machine)}`,
  opened && `opened ${clock(opened)}`,
  !opened && opened_by_machine && `opened by a machine, so soon: ${clock(opened_by_machine)}`,
  sent && `sent ${clock(sent)}`,
].filter(Boolean)

function mail(one) {
  const title = one.number ? make("a", "", one.subject) : make("span", "", one.subject)
  if (one.number) title.href = `/inbox/${one.number}`
  const [last = "on its way", ...before] = states(one)
  return make("li", "", make("b", "", title), make("span", "state", last),
    make("span", "about", [`newsletter ${one.campaign}`, ...before].map(whole).join(" · ")))
}

/** `known`: see demo/panel.py; null: nobody is. */
export function drawLetters(known) {
  const mails = known?.mails, record = known?.customer?.record
  const button = document.querySelector('[data-tell="letter"]')
  if (button) button.hidden = !!mails // there are real ones
  $("letters").hidden = !mails
  if (!mails) return
  if (Date.now() > chosenUntil) chosen = null
  const agrees = chosen ?? !!record?.consent?.purposes.includes(PURPOSE)
  $("agrees").checked = agrees
  $("agrees-said").textContent = agrees ? AGREED : NOT_AGREED
  $("mails").replaceChildren(...mails.slice(0, SHOWN).map(mail))
  const isUnwanted = record?.channels?.[CHANNEL]?.allowed === false
  $("unwanted").hidden = !isUnwanted
  $("letters-send").hidden = isUnwanted
}

async function ask(what) {
  const answer = await fetch(`/panel/letters/${what}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Wakeline-Demo": "1" },
    body: JSON.stringify({ id: signedIn() }),
  })
  const { said, steps } = answer.ok ? await answer.json() : { said: `answered ${answer.status}`, steps: [] }
  document.dispatchEvent(new Event("letters:told"))
  return steps.length ? "" : said
}

const say = (text) => { $("letters-said").textContent = text }
const failed = () => say("The shop does not answer.")

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-letters]")
  if (!button || !signedIn()) return
  button.disabled = true // until there is an answer
  const isSend = button.dataset.letters === "send"
  ask(button.dataset.letters).then((why) => {
    if (why) return say(`Not ${isSend ? "sent" : "told"}: ${why}.`)
    if (!isSend) return say("")
    $("letters-said").replaceChildren("It is in the ", Object.assign(make("a", "", "inbox"), { href: "/inbox" }), ".")
  }, failed).finally(() => { button.disabled = false })
})
$("agrees").addEventListener("change", ({ target }) => {
  chosen = target.checked
  chosenUntil = Date.now() + SOON_MS
  ask(target.checked ? "agree" : "disagree").then((why) => { if (why) say(`Not told: ${why}.`) }, failed)
})
