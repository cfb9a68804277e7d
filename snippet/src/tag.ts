/** What the script tag says. Read while the script runs: `currentScript` is null in any later callback. */

export const tag = (document.currentScript || document.querySelector("script[data-site]")) as HTMLScriptElement;

export const { site, consent = "anonymous", endpoint = new URL("/v1/events", tag.src), hash } = tag.dataset;
