/** What an element may hold: text is text, whatever stands in it, and never markup. */
export type Child = Node | string | number;

/** An element with properties, by their names in the DOM, and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<Omit<HTMLElementTagNameMap[Name], 'style'>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.map((child) => (typeof child === 'number' ? `${child}` : child)));
  return made;
}

/** The element of a page that has an id. @throws Error where the page lacks it, or it is of another kind. */
export function byId<E extends Element>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} called ${id}`);
  return found;
}
