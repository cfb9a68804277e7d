/** Tells what annoys visitors: clicks in vain, forms that are left, script errors: `import "wakeline/usability"`. */
export {};
