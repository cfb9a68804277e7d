// The same shop, whose tracker is a dependency like any other.
import { init, wakeline } from "wakeline";
import "./react.jsx";

init({ site: "demo", endpoint: document.querySelector("link[rel=collector]").href });
wakeline("event", "started");
