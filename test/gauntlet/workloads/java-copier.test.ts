// The Java copier's archive of classes: made once, and really used.
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { defaultClientVersion } from '../../../gauntlet/workloads/copier.ts'
import { javaCopier } from '../../../gauntlet/workloads/java-copier.ts'

/** The first start on a machine compiles, and may fetch the client. */
const prepareLimitMs = 300_000

it(
  'starts from an archive that holds its own classes and the client’s',
  async () => {
    const { java, args } = await javaCopier(defaultClientVersion)
    // Told nothing of its environment it ends at once, after it has loaded its own class.
    const ran = spawnSync(java, ['-Xlog:class+load', ...args], { env: {}, encoding: 'utf8' })
    expect(ran.stdout).toMatch(/ JavaCopier source: shared objects file \(top\)/)
    const archived = args.find((arg) => arg.startsWith('-XX:SharedArchiveFile='))?.split('=')[1]
    expect(archived).toBeDefined()
    const without = args.filter((arg) => !arg.startsWith('-XX:SharedArchiveFile='))
    const plain = spawnSync(java, ['-Xlog:class+load', ...without], { env: {}, encoding: 'utf8' })
    expect(plain.stdout).toMatch(/ JavaCopier source: file:/)
  },
  prepareLimitMs,
)

it('is prepared once per process', async () => {
  expect(await javaCopier(defaultClientVersion)).toBe(await javaCopier(defaultClientVersion))
})
