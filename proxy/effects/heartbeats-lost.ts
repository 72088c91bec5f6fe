// The heartbeats of one member are answered here, as if all were well. The coordinator never sees them and times
// the member out, while the member believes that it is still in.
import type { RequestVerdict } from '../flow/exchange.ts'
import type { TakenRequest } from '../flow/taken.ts'
import type { Message } from '../protocol/codec.ts'
import { plainAnswer } from '../protocol/synthesize.ts'
import type { FiringReport } from './firing-report.ts'
import { frameOf } from './made-answer.ts'
import type { Heal, Means } from './means.ts'

export const groupHeartbeats: readonly string[] = ['Heartbeat', 'ConsumerGroupHeartbeat']

/** How soon a member of the newer protocol is told to beat again; brokers say 5 s unless set otherwise. */
const heartbeatIntervalMs = 1_000
/** How often the coordinator is asked whether the member is still in. */
const memberPollMs = 250

export function heartbeatsLost(
  { cluster, rules, runtime }: Means,
  group: string,
  memberId: string,
  report: FiringReport,
): Heal {
  let healing = false
  report.firing.targets = [`group ${group}`, `member ${memberId}`]
  rules.claim(
    report.rule,
    groupHeartbeats,
    (view) =>
      view.side === 'request' &&
      groupHeartbeats.includes(view.api) &&
      view.memberId() === memberId &&
      view.subject().groups.includes(group),
  )
  const startedMs = runtime.nowMs()
  const look = async (): Promise<void> => {
    if (healing) return
    const members = await cluster.members(group).catch(() => undefined)
    const isIn = members?.some((member) => member.memberId === memberId) ?? true
    if (isIn) runtime.after(memberPollMs, () => void look())
    else report.answered(`timed out after ${Math.round(runtime.nowMs() - startedMs)} ms`)
  }
  void look()
  return async () => {
    healing = true
    rules.claim(report.rule, [], undefined)
  }
}

/** The answer to one heartbeat. Joining and leaving are no heartbeats, though they share an API with them. */
export function answerHeartbeat(
  report: FiringReport | undefined,
  message: TakenRequest,
): RequestVerdict {
  const { request, view, exchange } = message
  const isNewer = view.api === 'ConsumerGroupHeartbeat'
  const epoch = request.memberEpoch as number
  if (isNewer && epoch <= 0) return { do: 'pass' }
  const body: Message = isNewer
    ? { memberId: request.memberId ?? null, memberEpoch: epoch, heartbeatIntervalMs }
    : {}
  report?.applied(`answered ${view.api} of ${request.memberId}`)
  const answer = plainAnswer(exchange.apiKey, exchange.version, request, body)
  return { do: 'answer', frame: frameOf(message, answer) }
}
