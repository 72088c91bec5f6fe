// The routes of plans: validated, their faults armed and disarmed together.
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import * as answers from './answers.ts'
import { bodyProblems, list, noContent, withProblems } from './answers.ts'
import type { ArmedPlans } from './armed-plans.ts'
import { FieldProblem } from './problem.ts'
import { type Expires, ExpiresQuery, expiresMs, type Named, NameParam } from './route-params.ts'

export function addPlans(app: FastifyInstance, plans: ArmedPlans): void {
  const PlanBody = Type.Object(
    {},
    {
      additionalProperties: true,
      description: 'A plan, as JSON, or as YAML with content type application/yaml',
      examples: [
        {
          name: 'slow-commits',
          faults: [
            {
              name: 'slow',
              when: { request: 'EndTxn', every: 2 },
              inject: { delay: { by: '200ms', of: 'reply' } },
            },
          ],
        },
      ],
    },
  )
  app.post(
    '/v1/plans/validate',
    {
      schema: {
        tags: ['plans'],
        operationId: 'validatePlan',
        summary: 'Say what is wrong with a plan; start nothing',
        consumes: ['application/json', 'application/yaml'],
        body: PlanBody,
        response: withProblems(
          {
            200: Type.Object({ valid: Type.Boolean(), problems: Type.Array(FieldProblem) }),
          },
          ...bodyProblems,
        ),
      },
    },
    async (request) => {
      const problems = plans.problemsOf(request.body)
      return { valid: problems.length === 0, problems }
    },
  )
  app.post<Expires>(
    '/v1/plans',
    {
      schema: {
        tags: ['plans'],
        operationId: 'startPlan',
        summary: 'Arm all faults of a plan; its clocks start now',
        consumes: ['application/json', 'application/yaml'],
        querystring: ExpiresQuery,
        body: PlanBody,
        response: withProblems(
          { 201: answers.ArmedPlan },
          ...bodyProblems,
          'conflict',
          'cannot-do-here',
          'wrong-fault',
        ),
      },
    },
    async (request, reply) => {
      const plan = await plans.start(request.body, expiresMs(request.query, plans.expiresDefaultMs))
      return reply.code(201).header('location', `/v1/plans/${plan.name}`).send(plan)
    },
  )
  app.get(
    '/v1/plans',
    {
      schema: {
        tags: ['plans'],
        operationId: 'listPlans',
        summary: 'Plans whose faults are armed',
        response: withProblems({ 200: list(answers.ArmedPlan, 'plans') }),
      },
    },
    async () => ({ plans: await plans.list() }),
  )
  app.get<Named>(
    '/v1/plans/:name',
    {
      schema: {
        tags: ['plans'],
        operationId: 'getPlan',
        summary: 'One plan and what has become of its faults',
        params: NameParam,
        response: withProblems({ 200: answers.ArmedPlan }, 'wrong-body', 'not-found'),
      },
    },
    (request) => plans.named(request.params.name),
  )
  app.delete<Named>(
    '/v1/plans/:name',
    {
      schema: {
        tags: ['plans'],
        operationId: 'stopPlan',
        summary: 'Heal and disarm all faults of a plan',
        params: NameParam,
        response: withProblems({ 204: noContent }, 'wrong-body', 'not-found'),
      },
    },
    async (request, reply) => {
      await plans.stop(request.params.name)
      return reply.code(204).send()
    },
  )
}
