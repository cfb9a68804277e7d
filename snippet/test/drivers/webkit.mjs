// WebKitGTK, Safari's engine: its MiniBrowser on a display of its own, by WebDriver.
//
// Each tab is a window: only those are visible, and hidden once they are minimised. The first stays open, since
// the session ends with the last.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kill, pids } from "./processes.mjs";
import { session } from "./webdriver.mjs";

const MIDDLE = "2"; // as X11 counts buttons
const MINI_BROWSER = process.env.MINI_BROWSER ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
const KEYS = { Enter: "\uE007" }; // as WebDriver writes them
const SHOWN = { x: 0, y: 0, width: 1024, height: 768 };

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A page that goes where it is told without a driver: [its address, the telling]. */
async function standby() {
  let told;
  const where = new Promise((tell) => (told = tell));
  const server = createServer(async ({ url }, answer) => {
    if (url == "/where") answer.end(await where);
    else answer.setHeader("content-type", "text/html").end(`<script>
      fetch("/where").then((answer) => answer.text()).then((url) => location = url)</script>`);
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return [`http://127.0.0.1:${server.address().port}/`, told];
}

/** A display that nobody sees: [its process, its name]. */
async function display() {
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  let said = "";
  for await (const part of server.stdio[3]) if ((said += part).includes("\n")) break;
  return [server, `:${said.trim()}`];
}

export async function launch({ flags = [] }) {
  const home = mkdtempSync(join(tmpdir(), "wakeline-webkit-"));
  const [screen, name] = await display();
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    LANG: "C.UTF-8",
    HOME: home,
    XDG_RUNTIME_DIR: home,
    DISPLAY: name,
    GDK_BACKEND: "x11",
    GSETTINGS_BACKEND: "memory",
    LIBGL_ALWAYS_SOFTWARE: "1",
    NO_AT_BRIDGE: "1",
  };
  const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" });
  const { call, capabilities } = await session(`http://127.0.0.1:${port}`, {
    "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation", ...flags] },
  });

  const cover = await call("GET", "/window");
  let current = cover;
  let spare; // the tab that is left after a crash

  async function pick(handle) {
    if (current == handle) return;
    await call("POST", "/window", { handle });
    current = handle;
  }

  function tab(handle, own) {
    const within = async (method, path, body) => {
      await pick(handle);
      return call(method, path, body);
    };
    const run = async (expression) => {
      const script = `const [done] = arguments;
        (async () => (${expression}))().then((value) => done({ value }), (error) => done({ error: String(error) }))`;
      const { value, error } = await within("POST", "/execute/async", { script, args: [] });
      if (error) throw new Error(error);
      return value;
    };
    const goto = async (url) => void (await within("POST", "/url", { url }));
    return {
      run,
      goto,
      click: async (selector, button = "left") => {
        const found = await within("POST", "/element", { using: "css selector", value: selector });
        const element = `/element/${Object.values(found)[0]}`;
        if (button == "left") return void (await within("POST", `${element}/click`));
        // The driver lets go of another button than it pressed: this is the mouse of the display.
        const { x, y, width, height } = await within("GET", `${element}/rect`);
        const [left, top] = await run("[outerWidth - innerWidth, outerHeight - innerHeight]");
        const at = [left + x + width / 2, top + y + height / 2].map(Math.round).map(String);
        await once(spawn("xdotool", ["mousemove", ...at, "click", MIDDLE], { env, stdio: "ignore" }), "exit");
      },
      press: (key) => {
        const actions = ["keyDown", "keyUp"].map((type) => ({ type, value: KEYS[key] }));
        return within("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
      },
      hide: () => within("POST", "/window/minimize"),
      show: () => within("POST", "/window/rect", SHOWN),
      close: async () => {
        await within("DELETE", "/window");
        await pick(cover); // a closed window must not stay the current one
      },
      crash: async () => {
        // The session ends with any of its pages. What is open already goes on by itself.
        const [address, tell] = await standby();
        const last = await open();
        await last.goto(address);
        spare = { goto: tell };
        kill(own);
      },
    };
  }

  const content = () => pids(driver.pid, /WebKitWebProcess/);

  async function open() {
    const before = content();
    const { handle } = await call("POST", "/window/new", { type: "window" });
    return tab(handle, content().filter((pid) => !before.includes(pid)));
  }

  return {
    version: () => `${capabilities.browserName}/${capabilities.browserVersion}`,
    open: async (how = "visible") => {
      if (spare) return spare;
      const made = await open();
      if (how == "hidden") await made.hide();
      return made;
    },
    quit: () => {
      kill(pids(driver.pid));
      screen.kill("SIGKILL");
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
