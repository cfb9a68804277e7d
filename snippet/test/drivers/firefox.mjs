// Firefox, by WebDriver BiDi.
import { setTimeout as sleep } from "node:timers/promises";
import { kill, pids } from "./processes.mjs";
import { folder, puppet } from "./puppet.mjs";

const NOWHERE = { host: "127.0.0.1", port: 9 };

const QUIET = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "dom.ipc.processPrelaunch.enabled": false, // a new tab would get a process that stands by: one that was killed, perhaps
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.getAddons.cache.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "http://127.0.0.1:9/",
  "toolkit.telemetry.server": "",
  // Whatever else it may ask for: a dead proxy for all but this machine, so that not even names are looked up.
  "network.proxy.type": 1,
  "network.proxy.http": NOWHERE.host,
  "network.proxy.http_port": NOWHERE.port,
  "network.proxy.ssl": NOWHERE.host,
  "network.proxy.ssl_port": NOWHERE.port,
  "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
};

export function launch({ flags = [], prefs = {} }) {
  const profile = folder();
  return puppet({
    profile,
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    args: flags,
    extraPrefsFirefox: { ...QUIET, ...prefs },
    env: {
      ...process.env,
      HOME: profile, // it refuses one that belongs to somebody else
      MOZ_CRASHREPORTER_DISABLE: "1",
      MOZ_REMOTE_SETTINGS_DEVTOOLS: "1",
    },
    more: (_page, pid) => ({
      crash: async () => {
        const content = () => pids(pid, / tab *$/);
        const killed = content();
        kill(killed);
        while (content().some((one) => killed.includes(one))) await sleep(20);
      },
    }),
  });
}
