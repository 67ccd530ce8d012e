// The few things that every controller does with elements. All texts get into
// the page here, with invisible characters written out.

import { visible, visibleLines } from "./text";

// byId returns the element that index.html gives this id.
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`index.html has no #${id}`);
  }
  return element as T;
}

// make returns a new element with a class and a text.
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, className = "", text = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = visible(text);
  return element;
}

// setText changes the text of an element if it differs.
export function setText(element: Element, text: string): void {
  const shown = visible(text);
  if (element.textContent !== shown) {
    element.textContent = shown;
  }
}

// makeLines returns a new element with a text of several lines.
export function makeLines<K extends keyof HTMLElementTagNameMap>(tag: K, className: string, text: string): HTMLElementTagNameMap[K] {
  const element = make(tag, className);
  element.textContent = visibleLines(text);
  return element;
}

// setTitle changes the text that appears when the pointer rests on an element.
export function setTitle(element: HTMLElement, text: string): void {
  const shown = visible(text);
  if (element.title !== shown) {
    element.title = shown;
  }
}

// setData changes a data attribute of an element if it differs.
export function setData(element: HTMLElement, name: string, value: string): void {
  if (element.dataset[name] !== value) {
    element.dataset[name] = value;
  }
}

// icon returns one of the symbols that index.html defines.
export function icon(name: string): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(namespace, "use"));
  setIcon(svg, name);
  return svg;
}

// setIcon changes the symbol if it differs.
export function setIcon(svg: SVGSVGElement, name: string): void {
  const use = svg.firstElementChild!;
  if (use.getAttribute("href") !== `#icon-${name}`) {
    use.setAttribute("href", `#icon-${name}`);
  }
}
