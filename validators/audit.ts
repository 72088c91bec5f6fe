// The audit and the concurrent reader in worker threads, so that decoding a whole log never holds up the runner's
// loop (and with it the proxy). Lines come in batches and are acknowledged: a slow disk slows the readers down.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { systemRuntime } from '../proxy/runtime.ts'
import type { FromWorker, ToWorker, WorkerTask } from './audit-messages.ts'
import type { AuditSummary, AuditTask, ConcurrentReaderTask } from './audit-steps.ts'
import type { AuditLine } from './history-line.ts'

export interface AuditOptions extends AuditTask {
  onLine: (line: AuditLine) => void
  /** Called once, when everything has come to rest or the time is over: stop the application here. */
  onDrained?: (drained: boolean) => Promise<void>
  /** What is not at rest yet, at every look. */
  onLook?: (left: readonly string[]) => void
}

/** Waits until everything has come to rest, then reads all logs twice; emits the lines of the history. */
export async function auditCluster(options: AuditOptions): Promise<AuditSummary> {
  const { onLine, onDrained, onLook, ...task } = options
  const worker = startWorker({ kind: 'audit', task }, onLine)
  try {
    for (;;) {
      const message = await worker.next()
      switch (message.kind) {
        case 'looked':
          onLook?.(message.left)
          break
        case 'drained':
          await onDrained?.(message.drained)
          worker.post({ kind: 'go-on' })
          break
        case 'audited':
          return message.summary
        case 'started':
        case 'stopped':
          throw new Error(`the audit's worker said ${message.kind}`)
      }
    }
  } finally {
    await worker.end()
  }
}

export interface ConcurrentReaderOptions extends ConcurrentReaderTask {
  onLine: (line: AuditLine) => void
}

export interface ConcurrentReader {
  /** Resolves when the last line has been delivered; a reader that failed says so in a line. */
  stop(): Promise<void>
  /** Records delivered so far. */
  records(): number
}

/** Reads the outputs read_committed all through the run. Resolves when it is reading. */
export async function startConcurrentReader(
  options: ConcurrentReaderOptions,
): Promise<ConcurrentReader> {
  const { onLine, ...task } = options
  let records = 0
  const worker = startWorker({ kind: 'concurrent', task }, (line) => {
    if (line.type === 'read') records += line.ids.length
    onLine(line)
  })
  try {
    const first = await worker.next()
    if (first.kind !== 'started') throw new Error(`the reader's worker said ${first.kind}`)
  } catch (cause) {
    await worker.end()
    throw cause
  }
  let stopped: Promise<void> | undefined
  const stop = async () => {
    try {
      worker.post({ kind: 'stop' })
      const last = await worker.next()
      if (last.kind !== 'stopped') throw new Error(`the reader's worker said ${last.kind}`)
    } catch (cause) {
      // What it delivered before stands; that it did not read to the end must be known.
      const message = cause instanceof Error ? cause.message : String(cause)
      onLine({
        type: 'reader-error',
        atMs: systemRuntime(0).nowMs(),
        reader: 'concurrent',
        message,
      })
    } finally {
      await worker.end()
    }
  }
  return {
    stop() {
      stopped ??= stop()
      return stopped
    },
    records: () => records,
  }
}

type Told = Exclude<FromWorker, { kind: 'lines' } | { kind: 'failed' }>

/** Compiled code only: beside this file once compiled, in dist when the sources are run. */
function workerFile(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const beside = join(here, 'audit-worker.js')
  const file = existsSync(beside)
    ? beside
    : join(here, '..', 'dist', 'validators', 'audit-worker.js')
  if (!existsSync(file)) throw new Error(`${file} is missing: run \`npm run build\``)
  return file
}

function startWorker(workerData: WorkerTask, onLine: (line: AuditLine) => void) {
  // As the proxy's: flags of whatever program this is are not for it.
  const worker = new Worker(workerFile(), { workerData, execArgv: [] })
  const told: Told[] = []
  const waiting: Array<{ resolve: (message: Told) => void; reject: (cause: Error) => void }> = []
  let failure: Error | undefined
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))

  function fail(cause: Error): void {
    failure ??= cause
    for (const { reject } of waiting.splice(0)) reject(failure)
  }
  worker.on('error', fail)
  worker.once('exit', () => fail(new Error("the audit's worker ended by itself")))
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'lines') {
      try {
        for (const line of message.lines) onLine(line)
      } catch (cause) {
        fail(cause as Error)
      }
      worker.postMessage({ kind: 'taken' } satisfies ToWorker)
    } else if (message.kind === 'failed') {
      fail(new Error(message.message))
    } else {
      const next = waiting.shift()
      if (next === undefined) told.push(message)
      else next.resolve(message)
    }
  })

  return {
    post: (message: ToWorker) => worker.postMessage(message),
    next(): Promise<Told> {
      const ready = told.shift()
      if (ready !== undefined) return Promise.resolve(ready)
      if (failure !== undefined) return Promise.reject(failure)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    async end(): Promise<void> {
      await worker.terminate()
      await exited
    },
  }
}
