// The answer to what is no HTTP, or comes too slowly or with too large a head: there is no request yet that a route
// could answer, so it is written to the socket itself.
import { STATUS_CODES } from 'node:http'
import type { FastifyServerOptions } from 'fastify'
import { problemMediaType, problemOf } from './problem.ts'

const unreadableStatus: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

export const refuseUnreadable: NonNullable<FastifyServerOptions['clientErrorHandler']> = (
  error,
  socket,
) => {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const status = unreadableStatus[error.code ?? ''] ?? 400
    const remedy = 'Send a well-formed request, with a head of at most 16 kB, and in time.'
    const text = JSON.stringify(problemOf('wrong-body', 'this is no request', remedy, [], status))
    const length = Buffer.byteLength(text)
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${length}\r\n\r\n${text}`,
    )
  }
  socket.destroySoon()
}
