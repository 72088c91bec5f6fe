// librdkafka through TLS and SCRAM, by confluent-kafka for Python. It needs python3 with pip, and once PyPI, for a
// folder of packages in our cache.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cacheDirectory, cachedDirectory } from '../../gauntlet/clusters/cache.ts'
import { raiseSecured, type SecuredGround } from '../kafka/secured-ground.ts'

const release = '2.16.1'
const program = `
import json, sys
from confluent_kafka import Consumer, Producer
given = json.loads(sys.stdin.read())
settings, topic = given["settings"], given["topic"]
producer = Producer({**settings, "transactional.id": "librdkafka"})
producer.init_transactions(20)
for outcome in ("committed", "aborted", "committed again"):
    producer.begin_transaction()
    producer.produce(topic, value=outcome)
    if outcome == "aborted":
        producer.flush(10)
        producer.abort_transaction(20)
    else:
        producer.commit_transaction(20)
consumer = Consumer({**settings, "group.id": "librdkafka", "auto.offset.reset": "earliest",
                     "isolation.level": "read_committed"})
consumer.subscribe([topic])
values = []
for _ in range(200):
    message = consumer.poll(0.1)
    if message is not None and message.error() is None:
        values.append(message.value().decode())
    if len(values) == 2:
        break
consumer.close()
print(json.dumps(values))
`

let ground: SecuredGround
let python: string

function ran(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let [out, complaint] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      complaint += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(complaint))))
    child.stdin.end(input)
  })
}

beforeAll(async () => {
  const folder = await cachedDirectory(
    join(cacheDirectory(), `confluent-kafka-${release}`),
    async (temporary) => {
      // A target folder can be moved to its final name, which a virtual environment cannot.
      await ran('python3', [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        '--target',
        temporary,
        `confluent-kafka==${release}`,
      ])
    },
  )
  python = folder
  ground = await raiseSecured()
}, 300_000)

afterAll(async () => {
  await ground?.close()
}, 60_000)

it('commits and aborts through the proxy, and a lost answer to its commit changes nothing', async () => {
  const proxy = await ground.proxy()
  const topic = await ground.topic('librdkafka')
  proxy.arm({
    name: 'lost',
    when: { reply: 'EndTxn', committed: true },
    inject: { disconnect: { at: 'before-reply', with: 'reset' } },
  })
  const { username, password } = ground.security.user
  const settings = {
    'bootstrap.servers': await proxy.bootstrap(),
    'security.protocol': 'SASL_SSL',
    'ssl.ca.location': ground.proxyCaFile,
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.username': username,
    'sasl.password': password,
  }
  const setPath = `import sys; sys.path.insert(0, ${JSON.stringify(python)})\n`
  const said = await ran('python3', ['-c', setPath + program], JSON.stringify({ settings, topic }))
  expect(JSON.parse(said)).toEqual(['committed', 'committed again'])
  expect(proxy.status('lost')).toMatchObject({ fired: 1, applied: 1 })
  const [transaction] = proxy.engine.transactions()
  expect(transaction).toMatchObject({ transactionalId: 'librdkafka' })
  expect(proxy.errors()).toEqual([])
}, 120_000)
