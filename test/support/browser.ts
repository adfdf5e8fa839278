import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Chromium as WM_CHROMIUM names it or as it is found on the path; undefined where there is none. */
function findChromium(): string | undefined {
  if (process.env.WM_CHROMIUM) return process.env.WM_CHROMIUM;
  const places = (process.env.PATH ?? '').split(delimiter);
  return ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
    .flatMap((name) => places.map((place) => join(place, name)))
    .find(existsSync);
}

const executablePath = findChromium();

/** Why a test that needs a browser is skipped; false where there is one. */
export const noBrowser: string | false =
  executablePath === undefined && 'skipped: no Chromium on the path; name one in WM_CHROMIUM';

/** Without what a browser asks of its maker's servers by itself. */
const ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page that was opened, and what it has said and asked for since. */
export interface OpenedPage {
  page: Page;
  /** Errors and warnings of its console, and errors that nothing caught. */
  complaints: string[];
  /** The addresses of everything that it asked for, itself the first. */
  requests: string[];
}

/** Runs a part of a test with a headless Chromium, and ends that: a browser left open would keep the test's process. */
export async function withBrowser<T>(use: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = await chromium.launch({
    executablePath: executablePath!,
    args: ARGS,
    chromiumSandbox: false,
  });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

/** Opens an address in a page of its own, with nothing kept from pages before. */
export async function openPage(
  browser: Browser,
  url: string,
  {
    width,
    height = 900,
    colorScheme = 'light',
  }: { width: number; height?: number; colorScheme?: 'light' | 'dark' },
): Promise<OpenedPage> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests };
}
