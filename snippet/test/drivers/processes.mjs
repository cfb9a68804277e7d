// The processes of a browser, found from its first one: /proc says who has which parent.
import { readFileSync, readdirSync } from "node:fs";

function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // it has just ended
  }
}

const parent = (pid) => Number(read(pid, "stat").split(") ").pop().split(" ")[1]);

/** Of process `root` and all that it started: those whose command line matches. */
export function pids(root, command = /./) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map(all.map((pid) => [pid, parent(pid)]));
  const within = (pid) => pid == root || (parents.has(pid) && within(parents.get(pid)));
  return all.filter((pid) => within(pid) && command.test(read(pid, "cmdline").replaceAll("\0", " ")));
}

/** kill -9. What has ended by itself is no error. */
export function kill(pids) {
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {}
}
