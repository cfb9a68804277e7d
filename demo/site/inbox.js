// The inbox stands for a mail program: no page of it is told to Wakeline, only the pixel and the links of a mail are.

const $ = (selector) => document.querySelector(selector)

for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
}

/** As high as the mail: it has no scripts that could say so. */
function fit() {
  const page = frame.contentDocument?.documentElement
  if (page?.scrollHeight) frame.style.height = `${page.scrollHeight}px`
}
const frame = $("#mail")
if (frame) {
  frame.addEventListener("load", fit)
  addEventListener("resize", () => { frame.style.height = ""; fit() })
  fit()
}

const hasty = $("[data-ripe]"), left = hasty ? hasty.dataset.ripe - Date.now() : 0
if (left > 0) {
  hasty.hidden = false
  setTimeout(() => { hasty.hidden = true }, left)
}

$("[data-unsubscribe]")?.addEventListener("click", async ({ target }) => {
  const body = new URLSearchParams({ "List-Unsubscribe": "One-Click" })
  // Mail providers send this from a server, so Wakeline lets no page read the answer: the panel shows what came of it.
  const asked = await fetch(target.dataset.unsubscribe, { method: "POST", mode: "no-cors", body }).then(() => true, () => false)
  $("#unsubscribed").textContent = asked ? "Asked. The panel shows it." : "Wakeline does not answer."
})
