// Error codes that no 4.x broker sends in answer to an API at a version: allowed in a plan, because they
// find clients that cannot bear them, but marked, because such a run could not happen by itself.
// Sources: the coordinator and log code of Kafka 4.x; KIP-588 (90 replaces 47), KIP-890 (120).

interface SyntheticRow {
  code: string
  /** APIs and the versions at which this code never comes; absent: never from any API. */
  apis?: Readonly<Record<string, (version: number) => boolean>>
}

const rows: readonly SyntheticRow[] = [
  { code: 'DUPLICATE_SEQUENCE_NUMBER' },
  { code: 'UNKNOWN_PRODUCER_ID' },
  {
    code: 'PRODUCER_FENCED',
    apis: {
      InitProducerId: (version) => version < 4,
      AddPartitionsToTxn: (version) => version < 2,
      AddOffsetsToTxn: (version) => version < 2,
      EndTxn: (version) => version < 2,
      TxnOffsetCommit: () => true,
      Produce: () => true,
    },
  },
  {
    code: 'TRANSACTION_ABORTABLE',
    apis: {
      Produce: (version) => version < 11,
      TxnOffsetCommit: (version) => version < 4,
    },
  },
]

/** True when no broker would answer this API at this version with this code. */
export function isSynthetic(code: string, api: string, version: number): boolean {
  return rows.some(
    (row) => row.code === code && (row.apis === undefined || row.apis[api]?.(version) === true),
  )
}
