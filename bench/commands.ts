// What the bench tells its load generator, and what it hears from it: one JSON object a line.

export interface LoadCommand {
  do: 'load'
  port: number
  /** The request as it goes on the wire; only its correlation id is changed. */
  requestFile: string
  answerBytes: number
  /** Requests in flight. */
  depth: number
  warmMs: number
  measureMs: number
}

export interface OpenCommand {
  do: 'open'
  port: number
  requestFile: string
  answerBytes: number
  connections: number
}

export type GeneratorCommand = LoadCommand | OpenCommand | { do: 'close' }

export interface LoadResult {
  requests: number
  seconds: number
  p50Us: number
  p99Us: number
}

export type GeneratorLine =
  | { at: 'ready' | 'begin' | 'end' | 'done' }
  | ({ at: 'result' } & LoadResult)
  | { at: 'opened'; connections: number }
  | { at: 'failed'; message: string }
