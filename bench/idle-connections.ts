// How much memory the proxy takes while many connections do nothing.
import { idleConnections } from './bars.ts'
import { loads } from './figures.ts'
import type { Generator } from './generator-client.ts'
import type { GoPrograms } from './go-programs.ts'
import { residentBytes } from './measured-process.ts'
import { type Messages, startOurProxy, startPeer } from './rounds.ts'

const settleMs = 1_000

export interface IdleMemory {
  connections: number
  bytesBefore: number
  bytesWith: number
}

/** Each connection has carried one request, so that nothing of it is still to be set up. */
export async function measureIdleConnections(parts: {
  generator: Generator
  messages: Messages
  programs: GoPrograms | undefined
}): Promise<IdleMemory> {
  const { generator, messages, programs } = parts
  const [load] = loads
  if (load === undefined) throw new Error('there is a smallest load')
  const peer = await startPeer(messages, programs)
  const proxy = await startOurProxy(peer.port, 'idle')
  try {
    const bytesBefore = residentBytes(proxy.pid)
    await generator.open({
      port: proxy.port,
      requestFile: messages.requestFile(load, true),
      answerBytes: messages.answerBytes,
      connections: idleConnections,
    })
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    const bytesWith = residentBytes(proxy.pid)
    await generator.close()
    return { connections: idleConnections, bytesBefore, bytesWith }
  } finally {
    await Promise.all([proxy.stop(), peer.stop()])
  }
}
