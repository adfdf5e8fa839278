import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { noBrowser, openPage, withBrowser } from '../test/support/browser.ts';

/**
 * How long `wm watch` takes to show 50 runs of 10 seeds and 50,000 environment steps, and what memory it takes:
 *
 *   npm run build && node --import tsx scripts/measure-watch.ts
 *
 * The runs are copies of a published one. Prints the seconds from the opening of the page to its first chart, that of the
 * losses and all runs' curves at once, and the server's largest resident memory (from /proc: on Linux).
 */

const RUNS = 50;
const root = fileURLToPath(new URL('../', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'wm-measure-watch-'));

/** The largest resident memory that a process has had, in megabytes. */
const peakMemory = (pid: number) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024);
};

/** Seconds of processor that a process has had. */
const cpuSeconds = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets; user and system time are the 14th and 15th, in hundredths.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return `${((Number(fields[11]) + Number(fields[12])) / 100).toFixed(2)} s`;
};

const say = (what: string, value: string) => process.stdout.write(`${what.padEnd(40)} ${value}\n`);

if (noBrowser) {
  process.stdout.write(`${noBrowser}\n`);
} else {
  try {
    for (let i = 0; i < RUNS; i++) {
      cpSync(path.join(root, 'runs/table1/dream-critic'), path.join(folder, `run-${i}`), { recursive: true });
    }
    const begun = performance.now();
    const server = spawn(process.execPath, [path.join(root, 'bin/wm.js'), 'watch', folder, '--port', '0']);
    const url = await new Promise<string>((resolve) => {
      server.stdout.once('data', (text) => resolve(String(text).trim()));
    });
    const since = (start: number) => `${((performance.now() - start) / 1000).toFixed(2)} s`;
    const { pid = 0 } = server;
    say('start of the command', since(begun));
    await withBrowser(async (browser) => {
      const opened = performance.now();
      const { page } = await openPage(browser, url, { width: 1600 });
      await page.waitForSelector('[data-column=reward_mean] canvas');
      say('first chart of the page', since(opened));
      await page.waitForSelector('[data-column=loss] canvas');
      say('with the losses', since(opened));
      say("the server's share, on its processor", cpuSeconds(pid));
      const all = performance.now();
      await page.click('#all');
      await page
        .locator('[data-column=loss] .readings > span')
        .nth(RUNS - 1)
        .waitFor();
      say(`all ${RUNS} runs in four charts`, since(all));
      const table = performance.now();
      await page.click('#results > summary');
      await page.waitForSelector('#tables table');
      say('Table 1', since(table));
    });
    say('largest resident memory of the server', `${peakMemory(pid)} MB`);
    server.kill('SIGINT');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
