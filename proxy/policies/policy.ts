// What a policy says: which topics must be written and read how, and what becomes of traffic that does otherwise. The
// one source for YAML, editors and types.
import Type from 'typebox'
import type { PolicyRequirement } from '../events.ts'

/** A proxy keeps this many policies and no more. */
export const policiesMax = 100
const globsMax = 100

/** Of what is asked, this concerns who writes; the rest who reads. */
export const writeRequirements = ['transactions', 'idempotence', 'acks-all'] as const
export const requirements: readonly PolicyRequirement[] = [...writeRequirements, 'read_committed']

const closed = { additionalProperties: false } as const
const Globs = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 249 }), {
    minItems: 1,
    maxItems: globsMax,
    description,
  })

export const PolicySchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$',
        maxLength: 100,
        title: 'name',
        description: 'Letters, digits, dots, dashes and underscores; default: its topics.',
      }),
    ),
    topics: Globs('Names or globs of topics: "payments.*". Kafka’s own topics are never meant.'),
    require: Type.Array(
      Type.Enum([...writeRequirements, 'read_committed'], { title: 'requirement' }),
      {
        minItems: 1,
        uniqueItems: true,
        description:
          'transactions, idempotence and acks-all of who writes; read_committed of who reads.',
      },
    ),
    'on-violation': Type.Optional(
      Type.Enum(['report', 'refuse'], {
        title: 'consequence',
        description:
          'report (default): it passes and is told. refuse: the proxy answers POLICY_VIOLATION in the broker’s place.',
      }),
    ),
    except: Type.Optional(
      Globs('Client ids or instances, or globs of them, that it does not bind.'),
    ),
  },
  { ...closed, title: 'policy' },
)

/** As it is written in a plan. */
export type WrittenPolicy = Type.Static<typeof PolicySchema>

export interface Policy {
  name: string
  topics: readonly string[]
  require: readonly PolicyRequirement[]
  onViolation: 'report' | 'refuse'
  except: readonly string[]
}

/** What a policy is called, also one that is malformed otherwise. */
export function policyName({ name, topics }: Partial<WrittenPolicy>): string {
  return name ?? (Array.isArray(topics) ? topics.join(',') : '')
}

export function policyOf(written: WrittenPolicy): Policy {
  return {
    name: policyName(written),
    topics: written.topics,
    require: written.require,
    onViolation: written['on-violation'] ?? 'report',
    except: written.except ?? [],
  }
}
