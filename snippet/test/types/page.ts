// A page with the script tag: `wakeline` is there by itself, once the types are named.
/// <reference types="wakeline/global" />

wakeline("consent", "full");
window.wakeline?.("purchase", { order: "A-1001" });
// @ts-expect-error no such level
wakeline("consent", "fulll");
// @ts-expect-error may not have loaded
window.wakeline("reset");
