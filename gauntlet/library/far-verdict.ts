// The verdict on an application that worked through a proxy which runs elsewhere, or beside us in a container: asked and
// healed by REST, with what it has seen read from the histories that it keeps.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../proxy/errors.ts'
import type { FaultStatus } from '../../proxy/events.ts'
import { systemRuntime } from '../../proxy/runtime.ts'
import { type HistoryWriter, openHistoryFile } from '../../validators/history-file.ts'
import type { RunResult } from '../../validators/result.ts'
import { externalCluster } from '../clusters/external.ts'
import { brokersBehind } from '../proxy-by-rest.ts'
import { askRest, type RestProxy } from '../rest-client.ts'
import { type SessionParts, sessionVerdict, type VerdictWish } from './session-verdict.ts'

/** All that a proxy has kept, but for the first line of each file, which speaks of no run. */
async function copySeen(folder: string, history: HistoryWriter): Promise<void> {
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.ndjson')) continue
    for (const line of openHistoryFile(join(folder, name)).lines()) {
      if (line.type === 'run') continue
      if (!history.write(line)) await history.drained()
    }
  }
}

function engineOf(proxy: RestProxy): SessionParts['engine'] {
  const listed = async <Value>(path: string, key: string): Promise<Value[]> => {
    const { body } = await askRest<Record<string, Value[]>>(proxy, 'GET', path)
    return body[key] ?? []
  }
  return {
    transactions: () => listed('/v1/transactions', 'transactions'),
    posture: () => listed('/v1/clients', 'clients'),
    status: () => listed<FaultStatus>('/v1/faults?all=true', 'faults'),
    healAll: async () => void (await askRest(proxy, 'POST', '/v1/heal')),
  }
}

export interface FarWish extends Omit<VerdictWish, 'whenDrained'> {
  proxy: RestProxy
  /** Where that proxy keeps histories. */
  seen: string
  /** The brokers' own addresses; default: as the proxy knows them. */
  bootstrap?: readonly string[]
  outDir: string
}

export async function farVerdict(wish: FarWish): Promise<RunResult> {
  const { proxy, seen, outDir, bootstrap } = wish
  const cluster = await externalCluster(bootstrap ?? (await brokersBehind(proxy)))
  const engine = engineOf(proxy)
  // Whatever was armed while it ran was to do something.
  const planned = new Map((await engine.status()).map(({ name, kind }) => [name, { name, kind }]))
  try {
    return await sessionVerdict(wish, {
      cluster,
      engine,
      runtime: systemRuntime(0),
      seed: 0,
      planned: [...planned.values()],
      history: {
        copyTo: (history) =>
          copySeen(seen, history).catch((cause: Error) => {
            throw new OperatorError(
              'file-not-found',
              `what the proxy has seen cannot be read (${cause.message})`,
              'Start it with --history FOLDER, and name that folder with --seen.',
            )
          }),
      },
      folder: outDir,
    })
  } finally {
    await cluster.stop()
  }
}
