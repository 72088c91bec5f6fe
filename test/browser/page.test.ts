// The live page in a real browser, in front of a real cluster and a real application: a fault is armed on the page
// and seen at work. Needs chromium (GAUNTLET_CHROMIUM, /usr/bin/chromium); without one vitest.config.ts leaves these
// tests out and says so.
import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAdmin } from '../../gauntlet/clusters/admin.ts'
import type { EmbeddedCluster } from '../../gauntlet/clusters/embedded.ts'
import { entryFile, packageRoot } from '../../gauntlet/entry.ts'
import { outputOf } from '../child-output.ts'
import { startPlainCluster } from '../kafka/plain-cluster.ts'
import { type OpenedPage, openBrowser, openPage, startNode, stopChild } from './browser.ts'

const transactionalId = 'shop-orders'
const picturesFolder = process.env.GAUNTLET_PICTURES
const limitMs = 30_000

let cluster: EmbeddedCluster
let proxy: ChildProcess
let application: ChildProcess
let browser: Browser
let opened: OpenedPage
let page: Page
let address = ''

beforeAll(async () => {
  cluster = await startPlainCluster(3)
  const admin = openAdmin(cluster.brokers)
  await admin.createTopics([{ name: 'orders', partitions: 2, config: {} }])
  admin.close()
  proxy = startNode(entryFile('gauntlet/cli.js'), [
    'proxy',
    ...['--bootstrap', cluster.bootstrap.join(',')],
    ...['--listen', '127.0.0.1:0', '--rest', '127.0.0.1:0'],
  ])
  const [, bootstrap = '', , shown = ''] = await outputOf(
    proxy,
    /Proxy (127\.0\.0\.1:\d+)([\s\S]*)Page: (http:\S+)/,
  )
  address = shown
  application = startNode(join(packageRoot(), 'test/browser/producing-application.mjs'), [
    bootstrap,
    'orders',
    transactionalId,
  ])
  await outputOf(application, /committed/)
  browser = await openBrowser()
  opened = await openPage(browser, address)
  page = opened.page
  page.setDefaultTimeout(limitMs)
})

afterAll(async () => {
  await browser?.close()
  await stopChild(application)
  await stopChild(proxy)
  await cluster?.stop()
})

async function picture(name: string): Promise<void> {
  if (picturesFolder === undefined) return
  mkdirSync(picturesFolder, { recursive: true })
  await page.screenshot({ path: join(picturesFolder, `${name}.png`), fullPage: true })
}

const lanes = () => page.getByRole('application', { name: 'Lanes of transactions' })
const details = () => page.locator('#lane-details')
const said = (text: RegExp) => details().filter({ hasText: text }).waitFor()
const table = (name: string) => page.getByRole('region', { name, exact: true })
const serious = async () => {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

describe('the live page', () => {
  it('shows the transactions, brokers and groups of what runs through the proxy', async () => {
    await page.getByText('live', { exact: true }).waitFor()
    await table('Transactional ids').getByRole('row', { name: transactionalId }).waitFor()
    const row = table('Transactional ids').getByRole('row', { name: transactionalId })
    expect(await row.textContent()).toMatch(/(V1|V2).*orders-\d/)
    const rows = table('Brokers').getByRole('row')
    await rows.nth(3).waitFor()
    expect(await rows.count()).toBe(4)
    await page.getByText('INCONCLUSIVE').waitFor()
    await lanes().focus()
    await page.keyboard.press('ArrowDown')
    await said(new RegExp(`^${transactionalId} #\\d+ `))
  })

  it('says at the field what is wrong with a fault, and takes the nearest word', async () => {
    const reply = page.getByLabel('reply', { exact: true })
    await reply.fill('EndTxm')
    await page.getByRole('button', { name: 'Arm', exact: true }).click()
    await page.getByRole('button', { name: 'Use EndTxn' }).waitFor()
    expect(await reply.getAttribute('aria-invalid')).toBe('true')
    await page.getByRole('button', { name: 'Use EndTxn' }).click()
    expect(await reply.inputValue()).toBe('EndTxn')
  })

  it('arms a fault that loses the answer to a commit: its bar is unknown, then committed', async () => {
    await page.getByLabel('name', { exact: true }).fill('lost-answer')
    await page.getByRole('button', { name: 'Arm', exact: true }).click()
    const fault = page.locator('[data-fault="lost-answer"]')
    await fault.getByText('drop', { exact: true }).waitFor()
    const count = (word: string) => fault.locator('.counts div', { hasText: word }).locator('dd')
    await count('applied').filter({ hasText: '1' }).waitFor()
    // The application waits for its answer: the newest bar is that transaction.
    await lanes().focus()
    await page.keyboard.press('End')
    await said(/outcome unknown/)
    const [, nth] = /#(\d+)/.exec((await details().textContent()) ?? '') ?? []
    await picture('unknown-light')
    await said(new RegExp(`#${nth} committed.*unknown at first.*known by`))
    await count('healed').filter({ hasText: '1' }).waitFor()
    const events = page.getByRole('list', { name: 'Events, newest first' })
    await events.getByText(`${transactionalId} #${nth}`).first().waitFor()
    await picture('resolved-light')
    await fault.getByRole('button', { name: 'Disarm lost-answer' }).click()
    await fault.waitFor({ state: 'detached' })
  })

  it('fires a fault by hand, shows what is hurt, and heals it', async () => {
    await page.getByLabel('name', { exact: true }).fill('slow-by-hand')
    await page.getByRole('button', { name: 'Remove when.reply' }).click()
    await page.getByRole('button', { name: 'Remove when.committed' }).click()
    await page.getByLabel('Add to when').selectOption('manual')
    await page.getByLabel('what', { exact: true }).selectOption('delay')
    await page.getByLabel('by', { exact: true }).fill('40ms')
    await page.getByLabel('for', { exact: true }).fill('60s')
    await page.getByLabel('Add to the fault').selectOption('on')
    await page.getByLabel('Add to on').selectOption('clients')
    await page.getByLabel('value of clients', { exact: true }).fill('all')
    await page.getByRole('button', { name: 'Arm', exact: true }).click()
    const fault = page.locator('[data-fault="slow-by-hand"]')
    await fault.getByRole('button', { name: 'Fire slow-by-hand' }).click()
    await fault.getByText('active').waitFor()
    await table('Connections hurt now').getByText('slow').first().waitFor()
    await picture('hurt-light')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await serious()).toEqual([])
    await picture('hurt-dark')
    await page.emulateMedia({ colorScheme: 'light' })
    await fault.getByRole('button', { name: 'Heal slow-by-hand' }).click()
    await table('Connections hurt now').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Heal and disarm all' }).click()
    await fault.waitFor({ state: 'detached' })
  })

  it('has no serious flaw of accessibility, and asks nobody else for anything', async () => {
    expect(await serious()).toEqual([])
    expect(opened.foreign).toEqual([])
    expect(opened.complaints).toEqual([])
  })
})
