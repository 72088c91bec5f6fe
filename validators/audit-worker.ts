// Entry file of the audit's worker thread: does one task and speaks with its owner by messages.
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerTask } from './audit-messages.ts'
import { runAudit, startConcurrentRead } from './audit-steps.ts'
import type { AuditLine } from './history-line.ts'

/** Lines in one message, and messages that may be on their way. */
const linesPerMessage = 200
const messagesMax = 4
/** Ids in one message: a line may hold thousands. */
const idsPerMessage = 20_000

const port = parentPort
if (port === null) throw new Error('audit-worker is started as a worker thread')
const say = (message: FromWorker) => port.postMessage(message)

let lines: AuditLine[] = []
let idsHeld = 0
let onTheWay = 0
let roomAgain: (() => void) | undefined
const requests = new Map<ToWorker['kind'], () => void>()

port.on('message', (message: ToWorker) => {
  if (message.kind === 'taken') {
    onTheWay--
    roomAgain?.()
    roomAgain = undefined
  } else {
    requests.get(message.kind)?.()
  }
})

const request = (kind: ToWorker['kind']) =>
  new Promise<void>((resolve) => requests.set(kind, resolve))

function flush(): void {
  if (lines.length === 0) return
  onTheWay++
  say({ kind: 'lines', lines })
  lines = []
  idsHeld = 0
}

/** Holds the reader back while too much is on its way. */
async function emit(line: AuditLine): Promise<void> {
  lines.push(line)
  if ('ids' in line) idsHeld += line.ids.length
  if (lines.length < linesPerMessage && idsHeld < idsPerMessage) return
  flush()
  while (onTheWay >= messagesMax) {
    await new Promise<void>((resolve) => {
      const before = roomAgain
      roomAgain = () => {
        before?.()
        resolve()
      }
    })
  }
}

async function work({ kind, task }: WorkerTask): Promise<void> {
  if (kind === 'audit') {
    const goOn = request('go-on')
    const summary = await runAudit(task, {
      emit,
      look: (left) => say({ kind: 'looked', left: [...left] }),
      async drained(drained) {
        flush()
        say({ kind: 'drained', drained })
        await goOn
      },
    })
    flush()
    say({ kind: 'audited', summary })
    return
  }
  const stop = request('stop')
  // What is read during a run is wanted soon, and comes in small pieces.
  const reader = await startConcurrentRead(task, async (line) => {
    await emit(line)
    flush()
  })
  say({ kind: 'started' })
  await stop
  await reader.stop()
  flush()
  say({ kind: 'stopped' })
}

try {
  await work(workerData as WorkerTask)
} catch (cause) {
  flush()
  say({
    kind: 'failed',
    message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
  })
}
