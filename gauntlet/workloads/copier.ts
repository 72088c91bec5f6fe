// How the copiers are run: the kafkajs one by our own Node, the Java one by the JDK.
import { entryFile } from '../entry.ts'
import { type CopierSpec, copierEnvironment, instanceEnvironment } from './copier-settings.ts'
import { javaCopier } from './java-copier.ts'
import type { Program } from './program.ts'
import type { InstanceSetup } from './workload.ts'

/** The newest that the wire facts were checked with. */
export const defaultClientVersion = '4.3.1'
const ready = /^\S+ ready$/

export async function copierProgram(
  spec: CopierSpec,
  setup: InstanceSetup,
  seed: number,
): Promise<Program> {
  const env = {
    ...instanceEnvironment(setup),
    ...copierEnvironment(spec, setup, seed),
    // Kafkajs has other retry settings under test than anywhere else.
    NODE_ENV: undefined,
  }
  switch (spec.client) {
    case 'kafkajs':
      return {
        command: process.execPath,
        args: [entryFile('gauntlet/workloads/kafkajs-copier.js')],
        env,
        ready,
      }
    case 'java': {
      const { java, args } = await javaCopier(spec.clientVersion ?? defaultClientVersion)
      return { command: java, args, env, ready }
    }
  }
}
