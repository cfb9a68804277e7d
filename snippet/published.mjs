// Published versions with the hash of each script: sri.json, beside the scripts.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const NAME = "sri.json";

/** The value of a tag's `integrity`. */
export const integrity = (bytes) => `sha384-${createHash("sha384").update(bytes).digest("base64")}`;

/**
 * The versions published in `folder`: the version of the unversioned names, the versions whose files never change
 * again, and the hashes by version and script.
 */
export function read(folder) {
  const path = join(folder, NAME);
  return existsSync(path) ? JSON.parse(readFileSync(path)) : { current: "", released: [], versions: {} };
}

/**
 * `published` with the `hashes` by script of `version`, released if `releases`. An unreleased version is replaced.
 * Throws if a released version would change.
 */
export function publish(published, version, hashes, { releases }) {
  const released = new Set(published.released);
  if (released.has(version) && JSON.stringify(published.versions[version]) != JSON.stringify(hashes))
    throw new Error(`version ${version} is released, so its files may not change: raise "version" in package.json`);
  if (releases) released.add(version);
  const kept = Object.entries(published.versions).filter(([known]) => released.has(known) && known != version);
  return {
    current: version,
    released: [...released],
    versions: Object.fromEntries([...kept, [version, hashes]]),
  };
}
