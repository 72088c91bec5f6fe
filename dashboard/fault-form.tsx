// The form that arms a fault, made from the schema that the proxy publishes. What the proxy finds wrong is said at
// the field, with the nearest right word to take.
import { signal } from '@preact/signals'
import {
  blank,
  entriesOf,
  entryOf,
  isObject,
  type Json,
  type JsonObject,
  type JsonSchema,
  placeProblems,
  readText,
  shapeOf,
} from './model/form-schema.ts'
import { ask, call, type FieldProblem, Refusal } from './rest.ts'
import { refreshFaults } from './state.ts'

/** A fault that shows what this is about: the answer to a commit is lost. */
const atFirst: JsonObject = {
  name: 'lost-commit-answer',
  when: { reply: 'EndTxn', committed: true },
  inject: { drop: 'reply' },
  for: '5s',
}
/** Fields of the whole that are offered; what is rarely wanted is a click away. */
const expiresAtFirst = '60s'

const schema = signal<JsonSchema | undefined>(undefined)
const draft = signal<JsonObject>(atFirst)
const expires = signal(expiresAtFirst)
const problems = signal<readonly FieldProblem[]>([])
const trouble = signal('')
const done = signal('')

export async function loadFaultSchema(): Promise<void> {
  const document = await ask<{ components: { schemas: { Fault: JsonSchema } } }>('openapi.json')
  schema.value = document.components.schemas.Fault
}

async function arm(): Promise<void> {
  problems.value = []
  trouble.value = ''
  done.value = ''
  try {
    const query = new URLSearchParams({ expires: expires.value })
    await call('POST', `v1/faults?${query}`, { body: draft.value })
    done.value = `${String(draft.value.name)} is armed.`
    await refreshFaults()
  } catch (cause) {
    if (cause instanceof Refusal) {
      problems.value = cause.problems
      trouble.value = cause.problems.length > 0 ? '' : `${cause.message}. ${cause.remedy}`
    } else trouble.value = cause instanceof Error ? cause.message : String(cause)
  }
}

export function FaultForm() {
  if (schema.value === undefined) return <p class="quiet">The form waits for the proxy.</p>
  const placed = placeProblems(problems.value, draft.value)
  const whole = placed.get('') ?? []
  return (
    <form
      class="fault-form"
      aria-label="Arm a fault"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        void arm()
      }}
    >
      <Fields
        schema={schema.value}
        value={draft.value}
        path=""
        placed={placed}
        change={(value) => {
          if (isObject(value)) draft.value = value
        }}
      />
      <label class="row">
        <span>expires</span>
        <input
          value={expires.value}
          aria-describedby="expires-hint"
          onInput={(event) => {
            expires.value = event.currentTarget.value
          }}
        />
      </label>
      <p class="hint" id="expires-hint">
        Disarmed by itself after this time: 60s, 5m, up to 24h.
      </p>
      <ProblemList problems={whole} take={undefined} id="form-problems" />
      {trouble.value === '' ? null : (
        <p class="problem" role="alert">
          {trouble.value}
        </p>
      )}
      <div class="form-end">
        <button type="submit" class="primary">
          Arm
        </button>
        <span role="status">{done.value}</span>
      </div>
      <details>
        <summary>What will be sent</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
        <pre tabIndex={0}>{JSON.stringify(draft.value, null, 2)}</pre>
      </details>
    </form>
  )
}

interface EditorProps {
  schema: JsonSchema
  value: Json
  path: string
  placed: ReadonlyMap<string, readonly FieldProblem[]>
  change(value: Json): void
}

const idOf = (path: string): string => `field-${path.replaceAll('.', '-')}`

function ProblemList({
  problems: list,
  take,
  id,
}: {
  problems: readonly FieldProblem[]
  take: ((word: string) => void) | undefined
  id: string
}) {
  if (list.length === 0) return null
  return (
    <ul class="problems" id={id} role="alert">
      {list.map(({ message, nearest, path }) => (
        <li key={`${path} ${message}`} class="problem">
          {message}
          {nearest === undefined || take === undefined ? null : (
            <button type="button" onClick={() => take(nearest)}>
              Use {nearest}
            </button>
          )}
        </li>
      ))}
    </ul>
  )
}

/** The fields of an object: those that are there, and a way to put in the others. */
function Fields({ schema: of, value, path, placed, change }: EditorProps) {
  const shape = shapeOf(of)
  if (shape.is !== 'fields') return null
  const given = isObject(value) ? value : {}
  if (shape.onlyOne) {
    const [key] = Object.keys(given)
    const current = shape.fields.find(({ name }) => name === key)
    const id = `${idOf(path)}-kind`
    return (
      <>
        <div class="row">
          <label for={id}>what</label>
          <select
            id={id}
            value={key ?? ''}
            onChange={(event) => {
              const name = event.currentTarget.value
              const next = shape.fields.find((field) => field.name === name)
              if (next !== undefined) change({ [name]: blank(next.schema) })
            }}
          >
            {shape.fields.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </div>
        {current === undefined || key === undefined ? null : (
          <>
            <p class="hint">{current.schema.description}</p>
            <Editor
              schema={current.schema}
              value={given[key] ?? null}
              path={join(path, key)}
              placed={placed}
              label={key}
              change={(next) => change({ [key]: next })}
            />
          </>
        )}
      </>
    )
  }
  const absent = shape.fields.filter(({ name }) => !(name in given))
  return (
    <>
      {Object.keys(given)
        .flatMap((key) => shape.fields.find(({ name }) => name === key) ?? [])
        .map(({ name, schema: field, isRequired }) => (
          <Editor
            key={name}
            schema={field}
            value={given[name] ?? null}
            path={join(path, name)}
            placed={placed}
            label={name}
            change={(next) => change({ ...given, [name]: next })}
            {...(isRequired
              ? {}
              : {
                  remove: () => {
                    const { [name]: _gone, ...rest } = given
                    change(rest)
                  },
                })}
          />
        ))}
      {absent.length === 0 ? null : (
        <select
          class="add"
          aria-label={`Add to ${path === '' ? 'the fault' : path}`}
          value=""
          onChange={(event) => {
            const field = absent.find(({ name }) => name === event.currentTarget.value)
            event.currentTarget.value = ''
            if (field !== undefined) change({ ...given, [field.name]: blank(field.schema) })
          }}
        >
          <option value="">+ add …</option>
          {absent.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
    </>
  )
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

function Editor(props: EditorProps & { label: string; remove?: () => void }) {
  const { schema: of, value, path, placed, label, change, remove } = props
  const shape = shapeOf(of)
  const own = placed.get(path) ?? []
  const id = idOf(path)
  const removal =
    remove === undefined ? null : (
      <button type="button" class="remove" aria-label={`Remove ${path}`} onClick={remove}>
        ×
      </button>
    )
  const list = <ProblemList problems={own} take={change} id={`${id}-problems`} />
  if (shape.is === 'fields') {
    return (
      <fieldset>
        <legend>
          {label} {removal}
        </legend>
        <Fields {...props} />
        {list}
      </fieldset>
    )
  }
  if (shape.is === 'alternatives') {
    const entries = entriesOf(shape.options)
    const current = entries[entryOf(entries, value)]
    const invalid = own.length === 0 ? {} : { 'aria-describedby': `${id}-problems` }
    return (
      <div class="alternatives">
        <div class="row">
          <label for={id}>{label}</label>
          <select
            id={id}
            aria-invalid={own.length > 0}
            {...invalid}
            value={String(entryOf(entries, value))}
            onChange={(event) => {
              const next = entries[Number(event.currentTarget.value)]
              if (next !== undefined) change(next.value)
            }}
          >
            {entries.map(({ name }, place) => (
              <option key={name} value={String(place)}>
                {name}
              </option>
            ))}
          </select>
          {removal}
        </div>
        {current === undefined || current.isWord ? null : (
          <div class="inner">
            <Alternative {...omitRemove(props)} schema={current.schema} />
          </div>
        )}
        {list}
      </div>
    )
  }
  const described = own.length === 0 ? {} : { 'aria-describedby': `${id}-problems` }
  const common = { id, 'aria-invalid': own.length > 0, ...described }
  return (
    <>
      <div class="row">
        <label for={id}>{label}</label>
        {inputFor(of, value, common, change)}
        {removal}
      </div>
      {list}
    </>
  )
}

/** What an alternative asks for, under the list that picked it. */
function Alternative(props: EditorProps & { label: string }) {
  if (shapeOf(props.schema).is === 'fields') return <Fields {...props} />
  return <>{inputFor(props.schema, props.value, labelled(props), props.change)}</>
}

const labelled = ({ path, label }: { path: string; label: string }): CommonAttributes => ({
  id: `${idOf(path)}-given`,
  'aria-invalid': false,
  'aria-label': `value of ${label}`,
})

function omitRemove<Props extends { remove?: () => void }>(props: Props): Omit<Props, 'remove'> {
  const { remove: _gone, ...rest } = props
  return rest
}

interface CommonAttributes {
  id: string
  'aria-invalid': boolean
  'aria-describedby'?: string
  'aria-label'?: string
}

function inputFor(
  of: JsonSchema,
  value: Json,
  common: CommonAttributes,
  change: (value: Json) => void,
) {
  const shape = shapeOf(of)
  switch (shape.is) {
    case 'choice':
      return (
        <select
          {...common}
          value={String(value)}
          onChange={(event) => {
            const text = event.currentTarget.value
            change(shape.options.find((option) => String(option) === text) ?? text)
          }}
        >
          {shape.options.map((option) => (
            <option key={String(option)} value={String(option)}>
              {String(option)}
            </option>
          ))}
        </select>
      )
    case 'word':
      return (
        <>
          <input
            {...common}
            list={`${common.id}-words`}
            value={String(value)}
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => change(event.currentTarget.value)}
          />
          <datalist id={`${common.id}-words`}>
            {shape.options.map((option) => (
              <option key={option} value={option} />
            ))}
          </datalist>
        </>
      )
    case 'text':
      return (
        <input
          {...common}
          value={String(value)}
          placeholder={of.description ?? ''}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => change(readText(event.currentTarget.value, shape.mayBeNumber))}
        />
      )
    case 'fixed':
      return <output id={common.id}>{String(value)}</output>
    case 'list':
      return (
        <input
          {...common}
          value={Array.isArray(value) ? value.map(listItemText).join(', ') : ''}
          placeholder="with commas between"
          spellcheck={false}
          onChange={(event) => change(listOf(event.currentTarget.value, shape.items))}
        />
      )
    default:
      return <FreeInput common={common} value={value} change={change} />
  }
}

const listItemText = (item: Json): string =>
  typeof item === 'object' ? JSON.stringify(item) : String(item)

function listOf(text: string, items: JsonSchema): Json {
  const shape = shapeOf(items)
  const mayBeNumber = shape.is === 'text' && shape.mayBeNumber
  try {
    const whole: unknown = JSON.parse(`[${text}]`)
    if (Array.isArray(whole)) return whole as Json[]
  } catch {
    // Words without quotes, as people write them.
  }
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => readText(item, mayBeNumber))
}

function FreeInput({
  common,
  value,
  change,
}: {
  common: CommonAttributes
  value: Json
  change: (value: Json) => void
}) {
  return (
    <textarea
      {...common}
      rows={3}
      spellcheck={false}
      onChange={(event) => {
        const text = event.currentTarget.value
        try {
          change(JSON.parse(text) as Json)
        } catch {
          // The proxy says what is wrong with it.
          change(text)
        }
      }}
    >
      {typeof value === 'string' ? value : JSON.stringify(value)}
    </textarea>
  )
}
