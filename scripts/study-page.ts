/**
 * A page with what the commands that it shows (`$ node …`) print now.
 *
 * @param print gives what `node` prints with these words
 */
export const reprinted = (page: string, print: (command: string) => string): string =>
  page.replace(
    /^\$ node (.*)\n[\s\S]*?^```/gm,
    (_, command: string) => `$ node ${command}\n${print(command).trimEnd()}\n\`\`\``,
  );
