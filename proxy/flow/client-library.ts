// What a client library that opens its own sockets (kafkajs) is given, so that it reaches brokers as we do.
import { readFile } from 'node:fs/promises'
import type net from 'node:net'
import { type BrokerAccess, dialled } from './access.ts'
import { connectTls } from './tls.ts'

/** A socket for a client library that dials by itself: to the translated address, and with TLS where it is due. */
export function openClientSocket(
  address: { host: string; port: number },
  access: BrokerAccess | undefined,
  plain: (address: { host: string; port: number }, connected: () => void) => net.Socket,
  connected: () => void,
): net.Socket {
  const place = dialled(address, access)
  if (access?.tls === undefined) return plain(place, connected)
  const socket = connectTls(place, access.tls)
  socket.once('secureConnect', connected)
  return socket
}

interface NameAndPassword {
  username: string
  password: string
}

/** A name and a password, or a token whenever one is asked for: in the words of kafkajs. */
export type KafkajsSasl =
  | ({ mechanism: 'plain' } & NameAndPassword)
  | ({ mechanism: 'scram-sha-256' } & NameAndPassword)
  | ({ mechanism: 'scram-sha-512' } & NameAndPassword)
  | { mechanism: 'oauthbearer'; oauthBearerProvider: () => Promise<{ value: string }> }

export function kafkajsSasl(access: BrokerAccess | undefined): { sasl?: KafkajsSasl } {
  const sasl = access?.sasl
  if (sasl === undefined) return {}
  if (sasl.mechanism !== 'oauthbearer') return { sasl: { ...sasl } as KafkajsSasl }
  const { token } = sasl
  const oauthBearerProvider = async () => ({
    value: ('text' in token ? token.text : await readFile(token.file, 'utf8')).trim(),
  })
  return { sasl: { mechanism: 'oauthbearer', oauthBearerProvider } }
}
