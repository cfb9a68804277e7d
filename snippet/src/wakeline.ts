/**
 * The snippet. In reading order: wire (the contract), tag (settings in the script tag), consent, page (what is sent
 * when), engagement, navigation, queue (how it is sent), commands (the site's calls), start. Helpers: document, limits,
 * random, safe, storage, debug. Other entry points are full, which adds extend and actions, and module; vitals,
 * platforms and datalayer are separate scripts, of which the last two share companion. The order of imports and listeners is the one that compresses best.
 */

import { start } from "./start";

if (window.wakeline?.q !== 0) start(); // otherwise loaded twice
