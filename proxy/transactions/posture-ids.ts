// How transactional ids are used: by which live connection each was taken last, and whether ids of one pattern ever
// come again. From InitProducerId and the closing of connections alone; bounded.

import type { Client } from './posture-clients.ts'
import { noteBounded } from './posture-clients.ts'

export const postureIdsMax = 10_000
export const idFamiliesMax = 1_000
/** Ids of one pattern that must have been left behind, none taken again, before that is called a habit. */
export const leftBehindMin = 5

interface IdUse {
  family: string
  client: Client
  timeoutMs: number
  /** The live connection that has initialised it last; -1 when that is closed. */
  holder: number
  holderNode: number
  /** The one before, still open, to the same coordinator; -1 when there is none. */
  former: number
}

interface Family {
  /** Taken, and their connection closed since. */
  leftBehind: number
  /** Times that an id was taken that had been taken before. */
  repeats: number
}

export interface Initialised {
  /** The one who held it before is taking it back. */
  shared: boolean
  neverRepeats: { family: string; leftBehind: number } | undefined
}

export interface IdFamilies {
  initialised(taken: {
    transactionalId: string
    connection: number
    node: number
    client: Client
    timeoutMs: number
  }): Initialised
  /** It lost the id to another live connection, and acts with it all the same. */
  isFormerHolder(transactionalId: string, connection: number): boolean
  /** Somebody was fenced; the newest holder, if the one before it is still there. */
  fenced(transactionalId: string): Client | undefined
  holderOf(transactionalId: string): { client: Client; timeoutMs: number } | undefined
  closed(connection: number): void
}

/** Ids that differ in numbers, long hex words or UUIDs only are of one family. */
export function familyOf(transactionalId: string): string {
  return transactionalId
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '*')
    .replace(/[0-9a-f]{8,}|[0-9]+/gi, '*')
}

export function createIdFamilies(): IdFamilies {
  const ids = new Map<string, IdUse>()
  const families = new Map<string, Family>()
  const byConnection = new Map<number, Set<string>>()

  function familyNamed(name: string): Family {
    const known = families.get(name)
    if (known !== undefined) return known
    const fresh: Family = { leftBehind: 0, repeats: 0 }
    noteBounded(families, name, fresh, idFamiliesMax)
    return fresh
  }

  function sit(connection: number, transactionalId: string): void {
    const own = byConnection.get(connection)
    if (own === undefined) byConnection.set(connection, new Set([transactionalId]))
    else if (own.size < postureIdsMax) own.add(transactionalId)
  }

  return {
    initialised({ transactionalId, connection, node, client, timeoutMs }) {
      const use = ids.get(transactionalId)
      sit(connection, transactionalId)
      if (use === undefined) {
        const family = familyOf(transactionalId)
        const { repeats, leftBehind } = familyNamed(family)
        const fresh = {
          family,
          client,
          timeoutMs,
          holder: connection,
          holderNode: node,
          former: -1,
        }
        noteBounded(ids, transactionalId, fresh, postureIdsMax)
        const isHabit = repeats === 0 && leftBehind >= leftBehindMin && family !== transactionalId
        return { shared: false, neverRepeats: isHabit ? { family, leftBehind } : undefined }
      }
      use.client = client
      use.timeoutMs = timeoutMs
      if (use.holder === connection) return { shared: false, neverRepeats: undefined }
      const shared = use.former === connection
      const family = familyNamed(use.family)
      family.repeats += 1
      if (use.holder < 0) family.leftBehind = Math.max(0, family.leftBehind - 1)
      // At another broker it may be the same instance, whose coordinator has moved.
      use.former = use.holder >= 0 && use.holderNode === node ? use.holder : -1
      use.holder = connection
      use.holderNode = node
      return { shared, neverRepeats: undefined }
    },
    isFormerHolder: (transactionalId, connection) =>
      ids.get(transactionalId)?.former === connection,
    fenced(transactionalId) {
      const use = ids.get(transactionalId)
      return use === undefined || use.former < 0 ? undefined : use.client
    },
    holderOf: (transactionalId) => ids.get(transactionalId),
    closed(connection) {
      for (const transactionalId of byConnection.get(connection) ?? []) {
        const use = ids.get(transactionalId)
        if (use === undefined) continue
        if (use.former === connection) use.former = -1
        if (use.holder !== connection) continue
        use.holder = -1
        familyNamed(use.family).leftBehind += 1
      }
      byConnection.delete(connection)
    },
  }
}
