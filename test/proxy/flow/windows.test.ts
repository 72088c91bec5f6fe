import { describe, expect, it } from 'vitest'
import type { Connection } from '../../../proxy/flow/connection.ts'
import type { Shape } from '../../../proxy/flow/shaper.ts'
import type { Direction } from '../../../proxy/flow/way.ts'
import { createWindows, type Window } from '../../../proxy/flow/windows.ts'

/** A connection that only remembers what is asked of it. */
function connectionTo(node: number) {
  const asked: {
    unread: Direction | undefined
    toBroker: Shape | undefined
    toClient: Shape | undefined
  } = { unread: undefined, toBroker: undefined, toClient: undefined }
  const connection: Connection = {
    id: node,
    plane: 'client',
    node,
    instance: 'app-0',
    remote: '',
    open: true,
    reachable: true,
    torn: false,
    stalled: false,
    betweenRequests: true,
    quiet: true,
    clientId: 'app',
    produceShapes: [],
    requestCounts: new Uint32Array(0),
    bytesFrom: { client: 0, broker: 0 },
    slow: undefined,
    block: undefined,
    stall: () => undefined,
    leaveUnread(direction) {
      asked.unread = direction
    },
    narrow(toBroker, toClient) {
      asked.toBroker = toBroker
      asked.toClient = toClient
    },
    cut: () => undefined,
    dialAnother() {
      throw new Error('nothing is dialled here')
    },
  }
  return { connection, asked }
}

const random = (): number => 0
const slicing = { bytes: 1, variationBytes: 0, gapMs: 0, jitterMs: 0 }

function windowOver(node: number, rest: Partial<Window>, told: string[]): Window {
  return {
    concerns: (facts) => facts.node === node,
    touched: (what) => void told.push(what),
    ...rest,
  }
}

describe('narrow links', () => {
  it('get the rate of one window and the slices of another, and each hears of it', () => {
    const { connection, asked } = connectionTo(1)
    const windows = createWindows(() => [connection])
    const told: string[] = []
    const both = { toBroker: true, toClient: true, random }
    const rate = windows.open(windowOver(1, { narrow: { ...both, bytesPerSecond: 7 } }, told))
    const sliced = windows.open(
      windowOver(1, { narrow: { ...both, toClient: false, slicing } }, told),
    )
    expect(asked.toBroker).toMatchObject({ bytesPerSecond: 7, slicing })
    expect(asked.toClient).toMatchObject({ bytesPerSecond: 7 })
    expect(asked.toClient?.slicing).toBeUndefined()
    expect(told).toEqual([])
    asked.toBroker?.touched()
    expect(told).toEqual(['bytes slowed down', 'bytes sliced'])
    rate.close()
    expect(asked.toBroker).toMatchObject({ slicing })
    expect(asked.toBroker?.bytesPerSecond).toBeUndefined()
    sliced.close()
    expect([asked.toBroker, asked.toClient]).toEqual([undefined, undefined])
  })

  it('are those that the window concerns, and no others', () => {
    const { connection, asked } = connectionTo(2)
    const windows = createWindows(() => [connection])
    const narrow = { toBroker: true, toClient: true, bytesPerSecond: 7, random }
    expect(windows.open(windowOver(1, { narrow }, [])).hit).toBe(0)
    expect(asked.toBroker).toBeUndefined()
  })
})

describe('sockets that are not read', () => {
  it('are the union of what all windows leave unread', () => {
    const { connection, asked } = connectionTo(1)
    const windows = createWindows(() => [connection])
    const told: string[] = []
    const client = windows.open(
      windowOver(1, { unread: { toBroker: true, toClient: false } }, told),
    )
    const broker = windows.open(
      windowOver(1, { unread: { toBroker: false, toClient: true } }, told),
    )
    expect(asked.unread).toMatchObject({ toBroker: true, toClient: true })
    asked.unread?.touched?.()
    expect(told).toEqual(['bytes left unread', 'bytes left unread'])
    client.close()
    expect(asked.unread).toMatchObject({ toBroker: false, toClient: true })
    broker.close()
    expect(asked.unread).toBeUndefined()
  })
})
