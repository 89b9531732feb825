// The few ways in which the page makes elements. Texts are always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Fill a <dl> with name and value; what is null is left out. */
export function facts(list, entries) {
  const told = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  list.replaceChildren(
    ...told.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}
