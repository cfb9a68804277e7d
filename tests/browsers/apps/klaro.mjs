import * as klaro from "klaro";

const version = 1;

const config = {
  version,
  acceptAll: true,
  services: [
    { name: "count", title: "Count your visits", purposes: ["statistics"] },
    { name: "remember", title: "Remember you, for offers of your own", purposes: ["personalisation"] },
  ],
  translations: { en: { purposes: { statistics: "Statistics", personalisation: "Personalisation" } } },
};

klaro.setup(config);

klaro.getManager(config).watch({
  update(manager, what, { consents }) {
    if (what !== "saveConsents") return;
    wakeline("consent", consents.remember ? "full" : consents.count ? "anonymous" : "off", { version });
  },
});
