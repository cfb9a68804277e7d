/** Tells the e-commerce events that the page pushes into `dataLayer`: `import "wakeline/datalayer"`. */
export {};
