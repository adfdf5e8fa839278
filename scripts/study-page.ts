/**
 * A page with what the commands that it shows (`$ node …`) print now.
 *
 * @param print gives what `node` prints with these words
 */
export function reprinted(page: string, print: (command: string) => string): string {
  return page.replace(/^\$ node (.*)\n([\s\S]*?)^```/gm, (_, command: string, shown: string) => {
    const printed = print(command);
    if (!command.includes(' compare ')) return `$ node ${command}\n${printed}\`\`\``;
    // Notes that come after the tables, which are apart by an empty line, are left out of the page.
    const tables = printed.split('\n\n').slice(0, shown.split('\n\n').length).join('\n\n');
    return `$ node ${command}\n${tables.trimEnd()}\n\`\`\``;
  });
}
