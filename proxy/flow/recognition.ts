// Which instance of an application a connection belongs to that came in by the door for everybody: told apart by
// client id or transactional id, where nobody could be given a port of its own.
import { globMatcher } from '../faults/vocabulary.ts'
import type { Message } from '../protocol/codec.ts'
import type { Connection } from './connection.ts'

/** How one instance is known. Globs; either is enough, and the first of a list that fits counts. */
export interface Recognition {
  instance: string
  clientId?: string
  transactionalId?: string
}

export interface Recogniser {
  /** From now on these; connections that are open and fit are recognised at once. */
  set(recognitions: readonly Recognition[], live: Iterable<Connection>): void
  /** To be asked when a connection's client id has become known. */
  byClientId(connection: Connection): void
  /** To be asked with each request that was decoded; true when that made it known. */
  byRequest(connection: Connection, request: Message): boolean
}

interface Test {
  instance: string
  clientId: ((text: string) => boolean) | undefined
  transactionalId: ((text: string) => boolean) | undefined
}

const transactionKeyType = 1

const textsIn = (values: readonly unknown[]): string[] =>
  values.filter((value) => typeof value === 'string' && value !== '') as string[]

/** The transactional ids that a request is made for. */
function transactionalIdsOf(request: Message): string[] {
  const { transactionalId, keyType, key, coordinatorKeys } = request
  const asked = Array.isArray(coordinatorKeys) ? coordinatorKeys : [key]
  return textsIn([transactionalId, ...(keyType === transactionKeyType ? asked : [])])
}

export function createRecogniser(): Recogniser {
  let tests: Test[] = []

  const isOpenTo = (connection: Connection): boolean =>
    tests.length > 0 && connection.plane === 'client' && connection.instance === undefined

  function byClientId(connection: Connection): void {
    const { clientId } = connection
    if (!isOpenTo(connection) || typeof clientId !== 'string') return
    connection.instance = tests.find((test) => test.clientId?.(clientId) === true)?.instance
  }

  return {
    set(recognitions, live) {
      // Those of the run before are nobody's any more.
      const before = new Set(tests.map(({ instance }) => instance))
      tests = recognitions.map(({ instance, clientId, transactionalId }) => ({
        instance,
        clientId: clientId === undefined ? undefined : globMatcher(clientId),
        transactionalId: transactionalId === undefined ? undefined : globMatcher(transactionalId),
      }))
      for (const connection of live) {
        if (connection.instance !== undefined && before.has(connection.instance)) {
          connection.instance = undefined
          connection.produceShapes = []
        }
        byClientId(connection)
      }
    },
    byClientId,
    byRequest(connection, request) {
      if (!isOpenTo(connection)) return false
      const ids = transactionalIdsOf(request)
      if (ids.length === 0) return false
      connection.instance = tests.find(
        ({ transactionalId }) => transactionalId !== undefined && ids.some(transactionalId),
      )?.instance
      return connection.instance !== undefined
    },
  }
}
