// Finding and making elements; all content is inserted as text.

export const $ = (id) => document.getElementById(id)
export const make = (name, className, ...children) => {
  const element = document.createElement(name)
  if (className) element.className = className
  element.append(...children)
  return element
}
