// The live page in a real browser without a cluster: a token, a proxy that goes away and comes back, what it says of
// clients, and a transaction that is ended by hand. The interface is the real one; what the engine says is written here.
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pageFile } from '../../gauntlet/entry.ts'
import { type Control, startControl } from '../../proxy/control/control.ts'
import type { Counters } from '../../proxy/engine.ts'
import type { ClientPosture } from '../../proxy/events.ts'
import { clientPlaneOnly } from '../../proxy/faults/reach.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import type { RemoteEngine } from '../../proxy/start-proxy.ts'
import type { TransactionView } from '../../proxy/transactions/tracker.ts'
import { openBrowser, openPage } from './browser.ts'

const limitMs = 30_000
const token = 'the token of these tests'
const none = async () => []
/** Of all that is counted, what the rolling verdict asks for. */
const counters = { transactions: { unresolved: 0 }, faults: [] } as unknown as Counters

const hanging: TransactionView = {
  transactionalId: 'shop/orders 0',
  producerId: 7,
  producerEpoch: 2,
  phase: 'producing',
  transaction: 3,
  protocol: 'V1',
  partitions: ['orders-0'],
  groups: [],
  ageMs: 90_000,
  timeoutMs: 60_000,
  coordinator: 2,
  fenced: false,
  registered: true,
  unsure: false,
}

const careless: ClientPosture = {
  clientId: 'reporting',
  software: 'kafkajs',
  softwareVersion: '2.2.4',
  firstSeenAtMs: 0,
  lastSeenAtMs: 0,
  produces: [{ topic: 'totals', acks: 'leader', idempotent: false, transactional: false }],
  reads: [{ topic: 'orders', isolation: 'read_uncommitted' }],
  groups: [],
  transactionalIds: [],
  transactionalIdCount: 0,
  protocols: [],
  problems: [
    { problem: 'reads-uncommitted', topic: 'orders', message: 'reads orders read_uncommitted' },
    { problem: 'acks-not-all', topic: 'totals', message: 'writes totals with acks=1' },
  ],
}

let browser: Browser
let page: Page
let control: Control | undefined
const aborted: string[] = []

function engine(): RemoteEngine {
  const parts: Partial<RemoteEngine> = {
    status: none,
    groups: none,
    brokers: none,
    doors: none,
    connections: none,
    counters: async () => counters,
    posture: async () => [careless],
    transactions: async () => (aborted.length === 0 ? [hanging] : []),
    hangingTransactions: async () => [],
    async abortTransaction(id) {
      aborted.push(id)
      return { id, how: 'producer-fenced', producerId: 7, producerEpoch: 3 }
    },
  }
  return parts as RemoteEngine
}

async function serve(port: number): Promise<Control> {
  control = await startControl({
    engine: engine(),
    runtime: systemRuntime(1),
    listen: { host: '127.0.0.1', port },
    token,
    faults: [],
    reach: clientPlaneOnly,
    runListeners: { host: '127.0.0.1' },
    pageFile: pageFile(),
    version: 'alone',
    onProblem: (message) => expect.fail(message),
  })
  return control
}

beforeAll(async () => {
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
})

afterEach(async () => {
  await control?.close()
  aborted.length = 0
})

async function open(): Promise<number> {
  const { port } = (await serve(0)).address
  page = (await openPage(browser, `http://127.0.0.1:${port}/`)).page
  page.setDefaultTimeout(limitMs)
  return port
}

const isLive = () => page.getByText('live', { exact: true }).waitFor()

async function enter(given: string): Promise<void> {
  await page.getByLabel('Token').fill(given)
  await page.keyboard.press('Enter')
}

describe('the live page', () => {
  it('asks for the token, again when it is the wrong one, and keeps it while the tab is open', async () => {
    await open()
    await page.getByRole('heading', { name: 'This proxy asks for a token' }).waitFor()
    await enter('not the token')
    await page.getByRole('heading', { name: 'This proxy asks for a token' }).waitFor()
    await enter(token)
    await isLive()
    await page.reload()
    await isLive()
    expect(await page.evaluate('localStorage.length')).toBe(0)
  })

  it('says that the proxy is away, and goes on by itself when it is back', async () => {
    const port = await open()
    await enter(token)
    await isLive()
    await control?.close()
    await page.getByText('connection lost, trying again').waitFor()
    const back = await serve(port)
    await isLive()
    back.see([
      {
        type: 'transaction',
        atMs: Date.now(),
        transactionalId: 'after-the-break',
        transaction: 1,
        phase: 'ended',
        producerId: 1,
        producerEpoch: 0,
        outcome: 'committed',
      },
    ])
    await page.getByText('after-the-break #1').first().waitFor()
  })

  it('says of each client how it uses Kafka, and what is wrong with that', async () => {
    await open()
    await enter(token)
    const row = page
      .getByRole('region', { name: 'Posture of clients', exact: true })
      .getByRole('row', { name: 'reporting' })
    await row.waitFor()
    const text = (await row.textContent()) ?? ''
    for (const words of ['kafkajs 2.2.4', 'totals: acks leader', 'orders: read_uncommitted']) {
      expect(text).toContain(words)
    }
    expect(text).toContain('reads uncommitted: orders')
    expect(text).toContain('acks not all: totals')
  })

  it('aborts a transaction only when it was confirmed', async () => {
    await open()
    await enter(token)
    const row = page.getByRole('row', { name: 'shop/orders 0' })
    await row.getByText('hanging').waitFor()
    const ask = row.getByRole('button', { name: 'Abort … shop/orders 0' })
    await ask.click()
    const dialog = page.getByRole('dialog', { name: 'Abort shop/orders 0?' })
    await dialog.getByText(/open for 1 min 30 s/).waitFor()
    // What has the focus does no harm.
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'hidden' })
    expect(aborted).toEqual([])
    await ask.click()
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(aborted).toEqual([])
    await ask.click()
    await dialog.getByRole('button', { name: 'Abort it' }).click()
    await page.getByText('shop/orders 0 is aborted: its producer is fenced.').waitFor()
    expect(aborted).toEqual(['shop/orders 0'])
    await row.waitFor({ state: 'detached' })
  })

  it('offers no kind of fault that the proxy would refuse', async () => {
    await open()
    await enter(token)
    const kinds = page.getByLabel('what', { exact: true })
    await kinds.waitFor()
    const offered = await kinds.locator('option').allTextContents()
    expect(offered).toContain('drop')
    for (const refused of ['exec', 'client-crash', 'client-pause', 'certificate']) {
      expect(offered).not.toContain(refused)
    }
  })
})
