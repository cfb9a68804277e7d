// Records what the snippet sends, for the panel. It runs before the snippet, and only in this demo: real sites do not need it.
window.wakeline = window.wakeline || function () { (wakeline.q = wakeline.q || []).push(arguments) }

window.watched = (() => {
  const KEPT = 12, STORE = "panel.sent", listeners = []
  // In the tab's storage, so that events sent while a page closed are shown on the next one.
  const read = () => { try { return JSON.parse(sessionStorage.getItem(STORE)) || [] } catch { return [] } }
  let list = read()
  const changed = () => {
    try { sessionStorage.setItem(STORE, JSON.stringify(list)) } catch { /* then the list starts over on the next page */ }
    listeners.forEach((listener) => listener(list[0]))
  }

  function note(via, url, body) {
    if (typeof body !== "string" || new URL(url.url || url, location.href).pathname !== "/v1/events") return null
    let envelope
    try { envelope = JSON.parse(body) } catch { return null }
    const request = { via, at: Date.now(), level: envelope.consent, events: envelope.events, bytes: body.length, status: 0 }
    list = [request, ...list].slice(0, KEPT)
    changed()
    return request
  }

  const realFetch = window.fetch
  window.fetch = function (url, options) {
    const request = note("fetch", url, options && options.body)
    const reply = realFetch.apply(this, arguments)
    if (request) reply.then(async (answer) => {
      request.status = answer.status
      request.ms = Date.now() - request.at
      const { rejected = [] } = await answer.clone().json().catch(() => ({}))
      request.rejected = rejected.map((one) => one.reason)
      changed()
    }, () => { request.status = -1; changed() })
    return reply
  }

  const realBeacon = navigator.sendBeacon
  navigator.sendBeacon = function (url, body) {
    note("beacon", url, body)
    return realBeacon.apply(navigator, arguments)
  }

  return { list: () => list, listen: (listener) => listeners.push(listener) }
})()
