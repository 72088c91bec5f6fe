// What the audit's worker and its owner say to each other. Types only.
import type { AuditSummary, AuditTask, ConcurrentReaderTask } from './audit-steps.ts'
import type { AuditLine } from './history-line.ts'

export type WorkerTask =
  | { kind: 'audit'; task: AuditTask }
  | { kind: 'concurrent'; task: ConcurrentReaderTask }

export type FromWorker =
  | { kind: 'lines'; lines: AuditLine[] }
  | { kind: 'looked'; left: string[] }
  | { kind: 'drained'; drained: boolean }
  | { kind: 'audited'; summary: AuditSummary }
  | { kind: 'started' }
  | { kind: 'stopped' }
  | { kind: 'failed'; message: string }

export type ToWorker = { kind: 'taken' } | { kind: 'go-on' } | { kind: 'stop' }
