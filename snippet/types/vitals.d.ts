/** Measures web vitals and sends them as the event `web_vitals`: `import "wakeline/vitals"`. */
export {};
