// A real browser behind lines of JSON: node drive.mjs <engine> <options>, engine chromium, firefox or webkit.
//
// A request {id, tab, call, args} on stdin is answered by {id, value | error} on stdout, in order. Options:
// {flags: of the program, prefs: of Firefox}. The browser ends with stdin. It reaches nothing but this machine.
//
// Of the browser (tab is ignored): open("visible" | "hidden" | "beside" what stays visible) -> tab, version().
// Of a tab: goto(url), run(expression) -> value, click(selector, button), press(key), hide(), show(), close(), offline(is),
// freeze(), hold(words), held() -> URL, release(): the next navigation to a URL with these words waits before anything is
// sent there; and crash(): the end of the process that runs the page, and of others perhaps, so that only a new tab is
// sure to work. What an engine cannot do is answered by "not supported".
import { createInterface } from "node:readline";

const [engine, options = "{}"] = process.argv.slice(2);
const { launch } = await import(`./${engine}.mjs`);
const browser = await launch(JSON.parse(options));
const tabs = [];

async function answer({ tab, call, args }) {
  if (call == "open") return tabs.push(await browser.open(...args)) - 1;
  if (call == "version") return browser.version();
  if (!tabs[tab][call]) throw new Error(`not supported: ${call}`);
  return (await tabs[tab][call](...args)) ?? null;
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const said = await answer(request).then(
    (value) => ({ value }),
    (error) => ({ error: String(error) }),
  );
  process.stdout.write(JSON.stringify({ id: request.id, ...said }) + "\n");
}

await browser.quit();
