#!/usr/bin/env node
// Every Node has to parse this file, however old, to say in one sentence that it is: no static import, no top-level
// await, nothing but what scripts and modules have in common.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 17)) {
  process.stderr.write(`wm needs Node 20.17 or newer, this is ${process.versions.node}\n`);
  process.exitCode = 2;
} else {
  // Node's own code for a promise that nothing settles, until `main` has its own.
  process.exitCode = 13;
  import('../dist/cli/main.js').then(
    ({ main }) => main(process.argv),
    (error) => {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      process.stderr.write(
        `wm is not installed completely; run \`npm ci\` in its folder (${error.message})\n`,
      );
      process.exitCode = 2;
    },
  );
}
