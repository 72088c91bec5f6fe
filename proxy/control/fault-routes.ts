// The routes of faults: listed, armed, fired, released, healed and disarmed. The same JSON as in a plan.
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { RemoteEngine } from '../start-proxy.ts'
import * as answers from './answers.ts'
import { bodyProblems, list, noContent, withProblems } from './answers.ts'
import { type ArmedFaults, expiresDefaultMs } from './armed-faults.ts'
import { type Expires, ExpiresQuery, expiresMs, type Named, NameParam } from './route-params.ts'

export function addFaults(
  app: FastifyInstance,
  { engine, faults }: { engine: RemoteEngine; faults: ArmedFaults },
): void {
  app.get<{ Querystring: { all?: boolean } }>(
    '/v1/faults',
    {
      schema: {
        tags: ['faults'],
        operationId: 'listFaults',
        summary:
          'Every armed fault with its counters and firings; with `all` the disarmed ones too',
        querystring: Type.Object(
          { all: Type.Optional(Type.Boolean({ description: 'The disarmed ones too' })) },
          { additionalProperties: false },
        ),
        response: withProblems({ 200: list(answers.Fault, 'faults') }, 'wrong-body'),
      },
    },
    async (request) => ({
      faults: request.query.all === true ? await faults.history() : await faults.list(),
    }),
  )
  app.post<Expires>(
    '/v1/faults',
    {
      schema: {
        tags: ['faults'],
        operationId: 'armFault',
        summary: 'Arm a fault: the same JSON as an entry of a plan’s `faults`',
        querystring: ExpiresQuery,
        body: Type.Ref('Fault'),
        response: withProblems(
          { 201: answers.Fault },
          ...bodyProblems,
          'conflict',
          'cannot-do-here',
          'wrong-fault',
        ),
      },
    },
    async (request, reply) => {
      const fault = await faults.arm(request.body, expiresMs(request.query, expiresDefaultMs))
      return reply.code(201).header('location', `/v1/faults/${fault.name}`).send(fault)
    },
  )
  app.get<Named>(
    '/v1/faults/:name',
    {
      schema: {
        tags: ['faults'],
        operationId: 'getFault',
        summary: 'One armed fault',
        params: NameParam,
        response: withProblems({ 200: answers.Fault }, 'wrong-body', 'unknown-fault'),
      },
    },
    (request) => faults.named(request.params.name),
  )
  app.put<Named & Expires>(
    '/v1/faults/:name',
    {
      schema: {
        tags: ['faults'],
        operationId: 'putFault',
        summary: 'Arm a fault under this name; the same again changes only when it expires',
        params: NameParam,
        querystring: ExpiresQuery,
        body: Type.Ref('Fault'),
        response: withProblems(
          { 200: answers.Fault, 201: answers.Fault },
          ...bodyProblems,
          'conflict',
          'cannot-do-here',
          'wrong-fault',
        ),
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const expires = expiresMs(request.query, expiresDefaultMs)
      const { fault, created } = await faults.put(name, request.body, expires)
      return reply.code(created ? 201 : 200).send(fault)
    },
  )
  app.delete<Named>(
    '/v1/faults/:name',
    {
      schema: {
        tags: ['faults'],
        operationId: 'disarmFault',
        summary: 'Heal a fault and disarm it',
        params: NameParam,
        response: withProblems({ 204: noContent }, 'wrong-body', 'unknown-fault'),
      },
    },
    async (request, reply) => {
      await faults.disarm(request.params.name)
      return reply.code(204).send()
    },
  )
  const acts = {
    fire: {
      summary: 'Fire a fault now',
      act: (name: string) => engine.fire(name),
    },
    release: {
      summary: 'Let go what a fault holds until `released`',
      act: (name: string) => engine.release(name),
    },
    heal: {
      summary: 'End what a fault does now; it stays armed',
      act: (name: string) => engine.heal(name),
    },
  } as const
  for (const [word, { summary, act }] of Object.entries(acts)) {
    app.post<Named>(
      `/v1/faults/:name/${word}`,
      {
        schema: {
          tags: ['faults'],
          operationId: `${word}Fault`,
          summary,
          params: NameParam,
          response: withProblems(
            { 200: answers.Fault },
            'wrong-body',
            'unknown-fault',
            'wrong-fault',
          ),
        },
      },
      async (request) => {
        const { name } = request.params
        await faults.named(name)
        await act(name)
        return faults.named(name)
      },
    )
  }
  app.post(
    '/v1/heal',
    {
      schema: {
        tags: ['faults'],
        operationId: 'healAll',
        summary: 'Heal and disarm everything',
        response: withProblems({ 204: noContent }),
      },
    },
    async (_request, reply) => {
      await faults.healAll()
      return reply.code(204).send()
    },
  )
}
