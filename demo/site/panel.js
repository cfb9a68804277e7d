// "What we know about you": watches what this page sends, and shows the live profile that comes of it.
// It asks the shop's own server only, and sends no event itself.
(() => {
  const EVERY_MS = 400, SHOWN = 5
  const WHY = {
    page_view: "you opened a page", engagement: "the time you spent on it, when you left or hid it",
    ping: "a sign that you are still here", consent: "your choice about privacy", identify: "you logged in",
    view_product: "you looked at a product", add_to_cart: "you put something in the basket",
    remove_from_cart: "you took something out", checkout: "you went to order", purchase: "you ordered",
    search: "you searched (how much was found, not your words)", newsletter_signup: "you asked for the letter",
  }
  const sent = []
  const stored = name => { try { return localStorage.getItem(name) } catch { return null } }

  // ---- what this page sends: the calls that the snippet makes are looked at on their way
  const isOurs = url => new URL(url.url ?? url, location.href).pathname === "/v1/events"
  const note = (body, beacon) => {
    const batch = JSON.parse(body)
    const one = { at: Date.now(), level: batch.consent, types: batch.events.map(event => event.type), code: beacon ? "sent" : "…" }
    sent.unshift(one)
    sent.length = Math.min(sent.length, SHOWN)
    draw()
    return one
  }
  const realFetch = window.fetch, realBeacon = navigator.sendBeacon
  window.fetch = function (url, options) {
    const answer = realFetch.apply(this, arguments)
    if (isOurs(url) && options && typeof options.body === "string") {
      const one = note(options.body)
      answer.then(reply => { one.code = reply.status; soon() }, () => { one.code = "offline"; draw() })
    }
    return answer
  }
  navigator.sendBeacon = function (url, body) {
    if (isOurs(url) && typeof body === "string") note(body, true)
    return realBeacon.apply(navigator, arguments)
  }

  // ---- what is known
  let profile = null, here = null, away = false, timer = 0
  const level = () => stored("wakeline.id") ? "full" : stored("wakeline.consent") || "none"
  async function look() {
    clearTimeout(timer)
    if (!document.hidden) {
      const id = stored("wakeline.id")
      try {
        const [known, count] = await Promise.all([
          id ? realFetch("/panel/profile?visitor=" + encodeURIComponent(id)) : null, realFetch("/panel/here")])
        away = !!known && known.status >= 500
        if (!away) profile = known && known.ok && id === stored("wakeline.id") ? await known.json() : null
        here = await count.json()
      } catch { away = true }
      draw()
    }
    timer = setTimeout(look, EVERY_MS)
  }
  const soon = () => { draw(); clearTimeout(timer); timer = setTimeout(look, 60) }

  // ---- drawing: the text of events and profiles is untrusted, so it only ever becomes text
  const make = (tag, attributes, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes)
    element.append(...children.flat().filter(child => child !== null && child !== undefined))
    return element
  }
  const row = (name, value) => value ? [make("dt", {}, name), make("dd", {}, value)] : []
  const seconds = n => n < 60 ? `${Math.round(n)} s` : `${Math.floor(n / 60)} min ${Math.round(n % 60)} s`
  const from = source => source.campaign ? `${source.source} · ${source.campaign}` : source.source
  const stat = (value, name) => make("div", {}, make("b", {}, value), make("span", {}, name))
  const TEXT = {
    full: ["You said yes", "This is your live profile, as the shop reads it while you are here."],
    anonymous: ["Only counted", "Nothing is stored in your browser and no profile is kept. You are one of the numbers below."],
    none: ["Not asked yet", "Until you choose you are only counted: nothing is stored in your browser, no profile is kept."],
    off: ["You said no", "Nothing is sent about you, and nothing is known. Not even that you are here."],
  }

  function interests() {
    const found = profile.interests
    if (!found.length) return [make("p", { className: "what" }, "None yet. Look at something you like.")]
    const most = Math.max(...found.map(one => one.score), 3)
    return [make("ul", { className: "bars" }, found.slice(0, 7).map(one => make("li", {},
      make("span", {}, one.name), make("span", { className: "score" }, one.score.toFixed(1)),
      make("div", { className: "track" }, make("i", { style: `width:${100 * one.score / most}%` })))))]
  }
  function known() {
    const now = profile.session
    return [
      make("div", { className: "stats" }, stat(profile.visits, profile.visits === 1 ? "visit" : "visits"),
        stat(profile.page_views, "page views"), stat(seconds(profile.engaged_seconds), "engaged")),
      make("h2", {}, "Interests"), ...interests(),
      make("h2", {}, "This visit"),
      now ? make("dl", {}, row("pages", String(now.page_views)), row("came in on", now.entry), row("is on", now.page),
        row("came from", from(now))) : make("p", { className: "what" }, "Over, after 30 minutes of silence."),
    ]
  }
  function identity() {
    const first = from(profile.first_source), last = from(profile.last_source)
    return [
      make("h2", {}, "You"),
      make("dl", {}, first === last ? row("came from", first) : [...row("first came from", first), ...row("last came from", last)],
        row("device", [profile.device, profile.browser, profile.os].filter(Boolean).join(", ")), row("country", profile.country),
        row("customer", profile.customer && profile.customer.slice(0, 13) + "…"), row("visitor", make("code", {}, profile.id))),
    ]
  }
  function draw() {
    const panel = document.querySelector(".panel"), body = document.getElementById("panel-body")
    if (!body) return
    const at = level(), [badge, text] = TEXT[at]
    panel.classList.toggle("known", at === "full" && !away)
    panel.classList.toggle("counted", at === "anonymous" || at === "none")
    panel.classList.toggle("away", away)
    const open = body.contains(document.activeElement)
    const strongest = profile && profile.interests.length ? `: ${profile.interests[0].name}` : ""
    const summary = at === "full" && profile ? `We know you${strongest}` : at === "off" ? "We know nothing about you" : "What we know about you"
    document.querySelector("[data-summary]").textContent = matchMedia("(max-width: 1023px)").matches ? summary : "What we know about you"
    if (open) return  // do not take the focus away from a button that is being used
    const widths = [...body.querySelectorAll(".track i")].map(bar => bar.style.width)
    body.replaceChildren(
      make("p", {}, make("span", { className: "level" }, away ? "Out of reach" : badge)),
      make("p", { className: "what" }, away ? "The read side does not answer just now. What you do is kept and will show." : text),
      ...(at === "full" ? (profile ? known() : [make("p", { className: "what" }, "Nothing yet: it takes one page view.")]) : []),
      make("h2", {}, "What was sent, and why"),
      sent.length ? make("ul", { className: "sent" }, sent.map(one => make("li", {},
        make("span", {}, make("b", {}, one.types.join(", ")), ` · ${one.level}`),
        make("span", { className: "code" + (one.code === "…" || one.code === "sent" || one.code === 202 ? "" : " bad") }, String(one.code)),
        make("span", { className: "why" }, [...new Set(one.types.map(type => WHY[type] || "the shop noted it"))].join("; ")))))
        : make("p", { className: "what" }, "Nothing from this page."),
      ...(at === "full" && profile ? identity() : []),
      ...(here === null ? [] : [make("h2", {}, "On this site now"), make("p", { className: "what" }, make("b", {}, String(here)), here === 1 ? " visitor" : " visitors")]),
      make("p", { className: "foot" }, "Changed your mind? ", make("button", { type: "button", onclick: () => window.shopChoices && window.shopChoices() }, "Privacy choices")),
    )
    body.querySelectorAll(".track i").forEach((bar, n) => {  // so that a bar grows from where it was
      const to = bar.style.width
      if (widths[n] && widths[n] !== to) { bar.style.width = widths[n]; bar.getBoundingClientRect(); bar.style.width = to }
    })
  }

  const handle = document.querySelector(".panel .handle")
  handle.addEventListener("click", () => {
    const open = document.querySelector(".panel").classList.toggle("open")
    handle.setAttribute("aria-expanded", String(open))
  })
  document.addEventListener("visibilitychange", soon)
  draw()
  look()
})()
