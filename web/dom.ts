/** Elements from text. Names come from guests and plugins: whatever is shown is text, and never markup. */

export function byId<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${id}`);
  return found;
}

type Attributes = Readonly<Record<string, string>>;
type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svg(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Leaves alone what is as it should be, so that selections stay and screen readers are silent. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** The choices of a list; what was chosen stays chosen if it is still there. */
export function setOptions(
  select: HTMLSelectElement,
  options: readonly (readonly [value: string, text: string])[],
): void {
  const isSame =
    select.options.length === options.length &&
    options.every(([value, text], index) => {
      const option = select.options[index];
      return option?.value === value && option.text === text;
    });
  if (isSame) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => element('option', { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

/** What scrolls can be reached by the keyboard, and what does not is no stop on the way. */
export function letKeysScroll(): void {
  for (const region of document.querySelectorAll<HTMLElement>('.scroll')) {
    const scrolls = region.scrollHeight > region.clientHeight || region.scrollWidth > region.clientWidth;
    if (scrolls) region.tabIndex = 0;
    else region.removeAttribute('tabindex');
  }
}
