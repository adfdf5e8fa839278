/** Text from outside on one line and without control or invisible characters, which could drive or deceive a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
