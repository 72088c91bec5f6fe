// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of plans look like those of JavaScript
import { describe, expect, it } from 'vitest'
import { commandProgram } from '../../../gauntlet/workloads/command.ts'

const setup = {
  index: 1,
  name: 'app-1',
  bootstrap: '127.0.0.1:1001,127.0.0.1:1002',
  inputTopic: 'orders',
  outputTopics: ['payments', 'audit'],
  group: 'app-group',
  transactionalId: 'app-1',
  journalFile: '/run/app-1.ndjson',
  logFile: '/run/app-1.log',
}

describe('a command', () => {
  it('finds everything in its environment, whatever the plan says', () => {
    const { env } = commandProgram({ run: 'app', instances: 2, restartTimes: 0 }, setup)
    expect(env).toEqual({
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1001,127.0.0.1:1002',
      GAUNTLET_INPUT: 'orders',
      GAUNTLET_OUTPUT: 'payments,audit',
      GAUNTLET_GROUP: 'app-group',
      GAUNTLET_TRANSACTIONAL_ID: 'app-1',
      GAUNTLET_WORKLOAD: 'app',
      GAUNTLET_INSTANCE: '1',
      GAUNTLET_JOURNAL: '/run/app-1.ndjson',
    })
  })

  it('gets the variables of the plan, filled in', () => {
    const { env } = commandProgram(
      {
        run: 'app',
        instances: 2,
        restartTimes: 0,
        env: {
          SPRING_KAFKA_BOOTSTRAP_SERVERS: '${bootstrap}',
          ALL: '${input} ${output} ${group} ${transactional-id} ${instance} ${journal}',
          GAUNTLET_GROUP: 'mine',
        },
      },
      setup,
    )
    expect(env).toMatchObject({
      SPRING_KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1001,127.0.0.1:1002',
      ALL: 'orders payments,audit app-group app-1 1 /run/app-1.ndjson',
      GAUNTLET_GROUP: 'mine',
    })
  })

  it('with a wrong placeholder or a wrong pattern is a mistake of the plan', () => {
    const spec = { run: 'app', instances: 1, restartTimes: 0 }
    const wrongPlan = expect.objectContaining({ code: 'wrong-plan' })
    expect(() => commandProgram({ ...spec, env: { A: '${inputs}' } }, setup)).toThrow(wrongPlan)
    expect(() => commandProgram({ ...spec, ready: '(' }, setup)).toThrow(wrongPlan)
  })
})
