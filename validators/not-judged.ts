// What a history without a proxy cannot tell, kind by kind: the log and the readers speak, the wire does not. Whoever
// reads the verdict must know it, so it stands in the result. A history with the wire leaves nothing out.
import type { History } from './history.ts'
import { type AnomalyKind, anomalyKinds } from './history-line.ts'

export interface NotJudged {
  kind: AnomalyKind
  /** `in-part`: what the log alone shows is found, the rest is not. */
  extent: 'not' | 'in-part'
  why: string
}

type Gap = Omit<NotJudged, 'kind'> | undefined

const noProgress: Gap = { extent: 'not', why: 'nobody saw when the application made progress' }

function gapOf(kind: AnomalyKind, history: History): Gap {
  const { inputs, group } = history.run
  const noInput: Gap =
    inputs.length > 0 ? undefined : { extent: 'not', why: 'no input was named to compare with' }
  switch (kind) {
    case 'duplicate':
      return inputs.length > 0
        ? undefined
        : { extent: 'in-part', why: 'without an input, an id that came twice looks doubled' }
    case 'lost-write':
      return history.belief.instances.size > 0
        ? { extent: 'in-part', why: 'only the journal says what was acknowledged' }
        : { extent: 'not', why: 'nobody saw which writes were acknowledged' }
    case 'aborted-read':
      return {
        extent: 'in-part',
        why: 'nobody saw what the client asked for, so a marker that says commit is believed',
      }
    case 'torn-transaction':
      return { extent: 'not', why: 'only the wire tells which batches are one transaction' }
    case 'shared-ack':
      return { extent: 'not', why: 'nobody saw which offsets were acknowledged' }
    case 'zombie-write':
      return { extent: 'in-part', why: 'only epochs that go back within a partition are seen' }
    case 'offset-output-mismatch':
      return (
        noInput ??
        (group === undefined ? { extent: 'not', why: 'no consumer group was named' } : undefined)
      )
    case 'missing-output':
    case 'reordered':
      return noInput
    case 'unexpected':
      return inputs.length > 0
        ? undefined
        : { extent: 'in-part', why: 'without an input, only records without an id are seen' }
    case 'stall':
    case 'no-recovery':
    case 'availability':
    case 'commit-latency':
      return noProgress
    case 'policy-violation':
      return { extent: 'not', why: 'policies are the proxy’s, and nobody told what they saw' }
    case 'wrong-error-class':
      return { extent: 'not', why: 'nobody saw what brokers answered' }
    case 'inconsistent-offsets':
    case 'hanging-transaction':
    case 'invariant':
      return undefined
  }
}

export function notJudged(history: History): NotJudged[] {
  if (history.run.proxied) return []
  return anomalyKinds.flatMap((kind) => {
    const gap = gapOf(kind, history)
    return gap === undefined ? [] : [{ kind, ...gap }]
  })
}
