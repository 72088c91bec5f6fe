// The description of REST for people and for makers of clients: what stands above the routes, and the shapes that
// several of them share brought together under one name each.
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { openRoutes } from './access.ts'
import { lastEventHeader } from './event-feed.ts'

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

export interface ApiDescription {
  version: string
  /** Whether callers need a token. */
  isSecured: boolean
}

export function swaggerOptions({
  version,
  isSecured,
}: ApiDescription): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'eos-gauntlet',
        version,
        description:
          'Arms faults in a running proxy, and tells what passes through it. Bodies are the same JSON as in a plan.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: isSecured
        ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }
        : {},
      security: isSecured ? [{ token: [] }] : [],
      tags: [
        { name: 'faults', description: 'Arm, fire, release, heal, disarm' },
        { name: 'plans', description: 'All faults of a plan at once' },
        { name: 'runs', description: 'Runs conducted with this proxy' },
        { name: 'state', description: 'What the proxy sees' },
        { name: 'events', description: 'What happens, and what can be said of it' },
        { name: 'about', description: 'Health and metrics' },
      ],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`),
    },
  }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const integer = (description: string): Json => ({ description, schema: { type: 'integer' } })

const headers: Readonly<Record<string, Json>> = {
  [lastEventHeader]: integer('The id of the last event before this answer'),
  location: { description: 'Where it is from now on', schema: { type: 'string' } },
  'retry-after': integer('Seconds to wait'),
}

/** The headers that answers of a status carry. */
function headersOf(status: string): Json {
  const names = [
    lastEventHeader,
    ...(status === '201' ? ['location'] : []),
    ...(status === '429' ? ['retry-after'] : []),
  ]
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const),
  )
}

/** What was generated from the routes, with each named shape written once and the headers told. */
export function tidied(generated: object): object {
  const document = structuredClone(generated) as JsonObject
  const components = document.components as { schemas: JsonObject; headers: Json }
  components.headers = { ...headers }
  for (const [path, routes] of Object.entries(document.paths as Record<string, JsonObject>)) {
    for (const route of Object.values(routes) as JsonObject[]) {
      if (openRoutes.includes(path)) route.security = []
      for (const [status, answer] of Object.entries(route.responses as JsonObject)) {
        if (!isObject(answer)) continue
        if (answer.description === 'Default Response') answer.description = 'Done'
        answer.headers = headersOf(status)
        if (isObject(answer.content)) {
          answer.content = withShapesNamed(answer.content, components.schemas)
        }
      }
    }
  }
  return document
}

/** Moves each object with a title that can be a name among the shared shapes, and leaves a reference to it. */
function withShapesNamed(value: Json, shapes: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item) => withShapesNamed(item, shapes))
  if (!isObject(value)) return value
  const inner: JsonObject = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withShapesNamed(item, shapes)]),
  )
  const { title } = inner
  if (inner.type !== 'object' || typeof title !== 'string' || !/^[A-Z]\w*$/.test(title))
    return inner
  shapes[title] = inner
  return { $ref: `#/components/schemas/${title}` }
}
