/** Text that is markup already: what `html` made, or what is known to be whole and sound, such as a rendered figure. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What may stand in an `html` template: a list is joined, null leaves nothing. */
export type Content = string | number | null | Markup | readonly Content[];

/** Markup of HTML or XML in which each value is escaped, unless it is markup itself. Quote attributes with `"`. */
export function html(texts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(texts.map((text, i) => (i === 0 ? text : markupOf(values[i - 1]!) + text)).join(''));
}

function markupOf(value: Content): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(markupOf).join('');
  return escapeMarkup(String(value));
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes what markup reads as its own; characters that XML forbids, even escaped, become U+FFFD. */
function escapeMarkup(text: string): string {
  return text
    .replace(/[^\P{Cc}\t\n\r]|[\p{Cs}\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
