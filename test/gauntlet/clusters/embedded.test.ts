import { describe, expect, it } from 'vitest'
import { lastError } from '../../../gauntlet/clusters/embedded.ts'

describe('the reason in a broker’s log', () => {
  it('is the cause behind the last failure', () => {
    const log = `2026-01-01 10:00:00,000 INFO KafkaRaftServer: starting
2026-01-01 10:00:01,000 ERROR KafkaRaftServer: [nodeId=1] Fatal error during startup.
org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9092.
\tat kafka.network.Acceptor.open(SocketServer.scala:1)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
2026-01-01 10:00:02,000 INFO KafkaRaftServer: shut down
`
    expect(lastError(log)).toBe('java.net.BindException: Address already in use')
  })

  it('is the line itself when nothing is behind it', () => {
    const log = `2026-01-01 10:00:00,000 INFO KafkaRaftServer: starting
2026-01-01 10:00:01,000 ERROR Kafka$: Exiting: invalid value many for num.io.threads
`
    expect(lastError(log)).toBe('Kafka$: Exiting: invalid value many for num.io.threads')
  })

  it('is nothing in the log of a broker that was well', () => {
    expect(lastError('2026-01-01 10:00:00,000 INFO KafkaRaftServer: started\n')).toBeUndefined()
  })
})
