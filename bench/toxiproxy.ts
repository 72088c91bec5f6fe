// The neighbour to compare with, started without any toxic.
import { spawnChild } from '../gauntlet/children.ts'
import { reservePorts } from '../gauntlet/clusters/ports.ts'
import type { MeasuredProcess } from './measured-process.ts'

const startLimitMs = 10_000
const host = '127.0.0.1'

async function post(port: number, path: string, body: unknown): Promise<void> {
  const endMs = performance.now() + startLimitMs
  for (;;) {
    try {
      const answer = await fetch(`http://${host}:${port}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      if (answer.ok) return
      throw new Error(`Toxiproxy answered ${answer.status}: ${await answer.text()}`)
    } catch (cause) {
      // Refused until it listens; anything else, or too long, is a failure.
      const refused = cause instanceof TypeError && performance.now() < endMs
      if (!refused) throw cause
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** One proxy without toxics in front of a port. */
export async function startToxiproxy(
  program: string,
  upstreamPort: number,
  listenPort?: number,
): Promise<MeasuredProcess> {
  const [apiPort, anyPort] = await reservePorts(2)
  const port = listenPort ?? anyPort
  if (apiPort === undefined || port === undefined) throw new Error('two ports were asked for')
  const child = await spawnChild({
    name: 'toxiproxy',
    command: program,
    args: ['-host', host, '-port', String(apiPort)],
    env: { LOG_LEVEL: 'error' },
    output: { onLine: (line) => process.stderr.write(`toxiproxy: ${line}\n`) },
  })
  const stop = async (): Promise<void> => void (await child.kill())
  try {
    await post(apiPort, '/populate', [
      {
        name: 'kafka',
        listen: `${host}:${port}`,
        upstream: `${host}:${upstreamPort}`,
        enabled: true,
      },
    ])
  } catch (cause) {
    await stop()
    throw cause
  }
  return { pid: child.pid, port, stop }
}
