// A page with the script tag: `wakeline` is there by itself, once the types are named.
/// <reference types="wakeline/global" />

wakeline("consent", "full");
window.wakeline?.("purchase", { transaction_id: "A-1001", value: 129.9, currency: "EUR" });
// @ts-expect-error no such level
wakeline("consent", "fulll");
// @ts-expect-error may not have loaded
window.wakeline("reset");
