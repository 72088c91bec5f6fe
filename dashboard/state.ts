// All that the page knows: models that the events fill, and lists that are asked for again and again. What is shown
// is derived from here; nothing is kept anywhere else.
import { signal } from '@preact/signals'
import type { ProxyEvent } from '../proxy/events.ts'
import { followEvents, type StreamState } from './model/event-stream.ts'
import { createFeed } from './model/feed.ts'
import { createLanes } from './model/lanes.ts'
import { createMarks } from './model/marks.ts'
import { createRates } from './model/rates.ts'
import {
  ask,
  type Broker,
  type Client,
  type Connection,
  call,
  type Fault,
  type Group,
  type Health,
  type Link,
  proxyNowMs,
  Refusal,
  type RollingVerdict,
  type Transaction,
} from './rest.ts'

/** After a gap the events that are still there come first; what the proxy says now is of a later time. */
const correctAfterMs = 1_000
const listsEveryMs = 1_500
/** What is written is renewed so often; what is drawn, with each frame. */
const pulseEveryMs = 300

export const lanes = createLanes()
export const rates = createRates()
export const marks = createMarks()
export const feed = createFeed()

/** Counts up when models may have changed, for what is written. */
export const pulse = signal(0)
export const stream = signal<StreamState>('connecting')
/** Events that were not seen, since the page was opened. */
export const missed = signal(0)
export const needsToken = signal(false)

export const health = signal<Health | undefined>(undefined)
export const faults = signal<Fault[]>([])
export const transactions = signal<Transaction[]>([])
export const groups = signal<Group[]>([])
export const brokers = signal<Broker[]>([])
export const links = signal<Link[]>([])
export const connections = signal<Connection[]>([])
export const verdict = signal<RollingVerdict | undefined>(undefined)

/** Undefined where the proxy has no such list. */
export const clients = signal<Client[] | undefined>(undefined)

const followed: readonly ProxyEvent['type'][] = [
  'connection-opened',
  'connection-closed',
  'client-seen',
  'send',
  'transaction',
  'producer',
  'group',
  'oddity',
  'fault-armed',
  'fault-fired',
  'fault-applied',
  'fault-answered',
  'fault-healed',
  'fault-disarmed',
  'error',
  'loop-stalled',
  'broker-seen',
  'broker-gone',
]

let changed = false

export function see(events: readonly ProxyEvent[]): void {
  let faultsChanged = false
  for (const event of events) {
    if (event.type === 'transaction') {
      const ending = lanes.see(event)
      if (ending !== undefined) {
        const latencyMs = ending.outcome === 'committed' ? ending.latencyMs : undefined
        rates.addEnd(ending.atMs, ending.outcome, latencyMs)
      }
    } else if (event.type === 'send') {
      let records = 0
      for (const { told, brokerError, records: count } of event.batches) {
        if (told === 'ok' || brokerError === 'NONE') records += count
      }
      rates.addRecords(event.atMs, records)
    } else if (event.type.startsWith('fault-')) {
      marks.see(event)
      faultsChanged = true
    }
    feed.see(event)
  }
  changed = true
  if (faultsChanged) void refreshFaults()
}

let isAskingFaults = false
let askFaultsAgain = false

/** Faults change with events, so they are asked for when one tells so; never two questions at once. */
export async function refreshFaults(): Promise<void> {
  if (isAskingFaults) {
    askFaultsAgain = true
    return
  }
  isAskingFaults = true
  try {
    do {
      askFaultsAgain = false
      faults.value = (await ask<{ faults: Fault[] }>('v1/faults')).faults
    } while (askFaultsAgain)
  } catch (cause) {
    noteTrouble(cause)
  } finally {
    isAskingFaults = false
  }
}

function noteTrouble(cause: unknown): void {
  if (cause instanceof Refusal && cause.status === 401) needsToken.value = true
  // Otherwise the proxy is away, which the stream of events shows.
}

async function refreshClients(): Promise<void> {
  try {
    clients.value = (await ask<{ clients: Client[] }>('v1/clients')).clients
  } catch (cause) {
    if (cause instanceof Refusal && cause.status === 404) clients.value = undefined
    else throw cause
  }
}

async function refreshTransactions(): Promise<void> {
  transactions.value = (await ask<{ transactions: Transaction[] }>('v1/transactions')).transactions
}

async function refreshLists(): Promise<void> {
  const into = async <Key extends string, Item>(
    target: { value: Item[] },
    key: Key,
  ): Promise<void> => {
    target.value = (await ask<Record<Key, Item[]>>(`v1/${key}`))[key]
  }
  const answers = await Promise.allSettled([
    refreshFaults(),
    refreshTransactions(),
    refreshClients(),
    into(groups, 'groups'),
    into(brokers, 'brokers'),
    into(links, 'links'),
    into(connections, 'connections'),
    ask<RollingVerdict>('v1/verdict').then((answer) => {
      verdict.value = answer
    }),
    ask<Health>('health').then((answer) => {
      health.value = answer
    }),
  ])
  for (const answer of answers) if (answer.status === 'rejected') noteTrouble(answer.reason)
}

let correction: ReturnType<typeof setTimeout> | undefined

/** After a gap the lanes are put right by what the proxy says now. */
async function correctLanes(): Promise<void> {
  try {
    await refreshTransactions()
    const atMs = proxyNowMs()
    for (const view of transactions.value) lanes.correct({ ...view, atMs })
    changed = true
  } catch (cause) {
    noteTrouble(cause)
  }
}

function forget(): void {
  for (const model of [lanes, rates, marks, feed]) model.clear()
  missed.value = 0
  changed = true
}

/** Follows the proxy until the signal ends it. */
export function follow(signal: AbortSignal): void {
  let listsTimer: ReturnType<typeof setTimeout> | undefined
  const askOn = async (): Promise<void> => {
    if (document.visibilityState === 'visible') await refreshLists()
    if (signal.aborted) return
    listsTimer = setTimeout(() => void askOn(), listsEveryMs)
  }
  void askOn()
  const pulseTimer = setInterval(() => {
    if (!changed || document.visibilityState !== 'visible') return
    changed = false
    pulse.value += 1
  }, pulseEveryMs)
  // A lane's open bar grows even when nothing happens, and seconds go by in the charts.
  const idleTimer = setInterval(() => {
    changed = true
  }, 1_000)
  signal.addEventListener('abort', () => {
    clearTimeout(listsTimer)
    clearInterval(pulseTimer)
    clearInterval(idleTimer)
  })
  void followEvents(
    {
      open: (path, streamSignal) =>
        call('GET', path, { signal: streamSignal, accept: 'text/event-stream' }),
      isRefusal(cause) {
        if (!(cause instanceof Refusal) || cause.status !== 401) return false
        needsToken.value = true
        return true
      },
      events: see,
      gap(count) {
        if (count === undefined) forget()
        else {
          missed.value += count
          clearTimeout(correction)
          correction = setTimeout(() => void correctLanes(), correctAfterMs)
        }
      },
      state(state) {
        stream.value = state
      },
    },
    followed,
    signal,
  )
}
