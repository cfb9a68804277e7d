// A W3C WebDriver session over fetch.
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 20_000;

/** One command. Throws what the driver calls the error: "no such window: ...". */
async function call(address, method, path, body = {}) {
  const answer = await fetch(address + path, {
    method,
    headers: { "content-type": "application/json" },
    body: method == "POST" ? JSON.stringify(body) : undefined,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** A session with the driver at `address`, which may be about to start: (method, path, body) -> value. */
export async function session(address, capabilities) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;)
    try {
      await call(address, "GET", "/status");
      break;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(30);
    }
  const made = await call(address, "POST", "/session", { capabilities: { alwaysMatch: capabilities } });
  const base = `${address}/session/${made.sessionId}`;
  return { capabilities: made.capabilities, call: (method, path = "", body = {}) => call(base, method, path, body) };
}
