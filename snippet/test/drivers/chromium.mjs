// Chromium, by the DevTools protocol.
import { once } from "node:events";
import { folder, puppet } from "./puppet.mjs";

const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

function holding(page) {
  let devtools, held;
  return {
    hold: async (words) => {
      devtools = await page.createCDPSession();
      held = once(devtools, "Fetch.requestPaused");
      await devtools.send("Fetch.enable", { patterns: [{ urlPattern: `*${words}*`, resourceType: "Document" }] });
    },
    held: async () => (await held)[0].request.url,
    release: async () => {
      const [{ requestId }] = await held;
      await devtools.send("Fetch.continueRequest", { requestId });
      await devtools.detach();
    },
  };
}

export const launch = ({ flags = [] }) =>
  puppet({
    profile: folder(),
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...QUIET, ...flags],
    more: (page) => ({
      ...holding(page),
      freeze: async () => {
        const devtools = await page.createCDPSession();
        await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      },
      crash: async () => {
        const devtools = await page.createCDPSession();
        const crashed = once(page, "error");
        devtools.send("Page.crash").catch(() => {}); // nobody is left to answer
        await crashed;
      },
    }),
  });
