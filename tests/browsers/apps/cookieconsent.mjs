import * as CookieConsent from "vanilla-cookieconsent";
import "vanilla-cookieconsent/dist/cookieconsent.css";

const revision = 1; // raise it with the wording: everybody is asked again

function tell() {
  const [full, anonymous] = ["remember", "count"].map(CookieConsent.acceptedCategory);
  wakeline("consent", full ? "full" : anonymous ? "anonymous" : "off", { version: revision });
}

CookieConsent.run({
  revision,
  categories: { necessary: { enabled: true, readOnly: true }, count: {}, remember: {} },
  onFirstConsent: tell, // also after a new revision
  onChange: tell,
  language: {
    default: "en",
    translations: {
      en: {
        consentModal: {
          title: "May we remember you?",
          acceptAllBtn: "Yes",
          acceptNecessaryBtn: "No",
          showPreferencesBtn: "Choose",
        },
        preferencesModal: {
          title: "What we may do",
          savePreferencesBtn: "Save",
          sections: [
            { title: "Count your visits", linkedCategory: "count" },
            { title: "Remember you, for offers of your own", linkedCategory: "remember" },
          ],
        },
      },
    },
  },
});
