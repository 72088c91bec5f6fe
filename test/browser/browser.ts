// The real browser of these tests, and the page that it opens. Chromium comes from the system's packages: nothing is
// downloaded.
import { type ChildProcess, spawn } from 'node:child_process'
import { type Browser, chromium, type Page } from 'playwright-core'

export const chromiumPath = process.env.GAUNTLET_CHROMIUM ?? '/usr/bin/chromium'

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
}

export interface OpenedPage {
  page: Page
  /** Addresses that were asked for and are not the page's own. */
  foreign: string[]
  /** What the page's scripts, or its security policy, complained about. */
  complaints: string[]
}

export async function openPage(
  browser: Browser,
  address: string,
  colorScheme: 'light' | 'dark' = 'light',
): Promise<OpenedPage> {
  const viewport = { width: 1440, height: 1000 }
  const context = await browser.newContext({ viewport, colorScheme })
  const page = await context.newPage()
  const foreign: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(address) && !url.startsWith('data:')) foreign.push(url)
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text())
  })
  await page.goto(address)
  return { page, foreign, complaints }
}

export function startNode(file: string, words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [file, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
}

export async function stopChild(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}
