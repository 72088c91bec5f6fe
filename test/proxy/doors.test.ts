// Doors for everybody: the same proxy under several names, and each client is led on by the name that it came by.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEngine, type Engine } from '../../proxy/engine.ts'
import {
  apiNamed,
  decodeResponse,
  encodeRequest,
  type Message,
} from '../../proxy/protocol/codec.ts'
import { requestFrame, responseBodyOffset } from '../../proxy/protocol/frame.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { freeRun } from '../free-run.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { connect, type Peer } from './flow/loopback.ts'

const metadataVersion = 9
let broker: FakeBroker
let engine: Engine
let clients: Peer[]

beforeEach(async () => {
  broker = await startFakeBroker(1)
  clients = []
  const { host, port } = broker.address
  broker.says.set('Metadata', () => ({ brokers: [{ nodeId: 1, host, port, rack: null }] }))
  engine = createEngine(
    {
      bootstrap: [broker.address],
      listenHost: '127.0.0.1',
      advertisedHost: 'told.by.default',
      advertise: {},
      topicAliases: {},
      journalAllProduce: false,
    },
    { runtime: systemRuntime(3), host: undefined, listener: () => undefined },
  )
  engine.noteBroker(1, broker.address)
})

afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  await engine.stop()
  await broker.close()
})

/** Where a client that came by this port is told to go for broker 1. */
async function toldBy(port: number): Promise<string> {
  const client = await connect(port)
  clients.push(client)
  const apiKey = apiNamed('Metadata')?.key ?? -1
  const header = { apiKey, apiVersion: metadataVersion, correlationId: 1, clientId: 'tester' }
  const request = { topics: [], allowAutoTopicCreation: false }
  client.socket.write(requestFrame(header, encodeRequest(apiKey, metadataVersion, request)))
  const frameBytes = 4 + (await client.bytes(4)).readInt32BE(0)
  const frame = (await client.bytes(frameBytes)).subarray(4, frameBytes)
  const body = frame.subarray(responseBodyOffset(apiKey, metadataVersion, frame))
  const [told] = decodeResponse(apiKey, metadataVersion, body).brokers as Message[]
  return `${told?.host}:${told?.port}`
}

it('each client is told the ports of the door that it came by, under that door’s name', async () => {
  const near = await engine.openDoor(undefined, 0, { advertisedHost: 'near' })
  const far = await engine.openDoor(undefined, 0, { advertisedHost: 'far.example' })
  const own = await engine.openDoor('app-0', 0)
  expect(near.host).toBe('near')
  const [nearDoor, farDoor, ownDoor] = engine.doors()
  expect(await toldBy(near.port)).toBe(`near:${nearDoor?.ports[0]?.address.port}`)
  expect(await toldBy(far.port)).toBe(`far.example:${farDoor?.ports[0]?.address.port}`)
  expect(await toldBy(own.port)).toBe(`told.by.default:${ownDoor?.ports[0]?.address.port}`)
  expect(await toldBy(farDoor?.ports[0]?.address.port ?? 0)).toMatch(/^far\.example:/)
  const ports = engine.doors().flatMap((door) => door.ports.map(({ address }) => address.port))
  expect(new Set(ports).size).toBe(3)
})

it('a broker’s inter-broker listener can be put behind a port that was agreed on before', async () => {
  const [port = 0] = await freeRun(1)
  const place = { listenHost: '127.0.0.1' }
  const opened = await engine.openPlane('inter-broker', 1, broker.address, place, port)
  expect(opened.port).toBe(port)
  await toldBy(port)
  expect(broker.received.map(({ api }) => api)).toEqual(['Metadata'])
  expect(engine.connections()).toMatchObject([{ plane: 'inter-broker', node: 1 }])
  await expect(engine.openPlane('inter-broker', 2, broker.address, place, port)).rejects.toThrow(
    'EADDRINUSE',
  )
})

it('closing an instance’s door leaves the doors for everybody open', async () => {
  const near = await engine.openDoor(undefined, 0, { advertisedHost: 'near' })
  await engine.openDoor('app-0', 0)
  expect(await engine.closeDoor('app-0')).toBe(true)
  expect(engine.doors()).toHaveLength(1)
  expect(await toldBy(near.port)).toMatch(/^near:/)
})

it('where ports are mapped before us, a client is told the published ones, and comes in by our own', async () => {
  const [own = 0, behind = 0] = await freeRun(2)
  const advertisedPorts = { [own]: 32_768, [behind]: 32_769 }
  const door = await engine.openDoor(undefined, own, { advertisedHost: 'outside', advertisedPorts })
  expect(door).toEqual({ host: 'outside', port: 32_768 })
  expect(await toldBy(own)).toBe('outside:32769')
  expect(await toldBy(behind)).toBe('outside:32769')
})

it('a broker with the id 0 has the port before a door’s own, which is taken', async () => {
  const [before = 0, own = 0, behind = 0] = await freeRun(3)
  engine.noteBroker(0, broker.address)
  await engine.openDoor(undefined, own)
  expect(engine.doors()[0]?.ports.map(({ node, address }) => [node, address.port])).toEqual([
    [0, before],
    [1, behind],
  ])
})
