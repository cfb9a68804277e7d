/**
 * Wakeline's page side. In reading order: wire (the contract), tag (what the script tag says), consent, page
 * (what is sent when), engagement, navigation, queue (how it is sent), commands (what a site calls), start.
 * Small ones beside: document, limits, random, safe, storage, debug. full, which adds extend and actions, and module are
 * the other ways to begin; vitals is a script of its own. Imports and listeners stand in the order that compresses best.
 */

import { start } from "./start";

if (window.wakeline?.q !== 0) start(); // else loaded twice
