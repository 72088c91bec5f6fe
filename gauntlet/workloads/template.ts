// Fills `${name}` in texts of a plan: the environment of a command, the values of generated records.
import { OperatorError } from '../../proxy/errors.ts'

const placeholder = /\$(\$?)\{([^}]*)\}/g

/** Replaces every `${name}`; `$${name}` stands for the text `${name}`. An unknown name is the plan's mistake. */
export function fillTemplate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(placeholder, (_, second: string, name: string) => {
    if (second !== '') return `\${${name}}`
    const value = values[name]
    if (value !== undefined && Object.hasOwn(values, name)) return value
    throw new OperatorError(
      'wrong-plan',
      `Nothing is called \${${name}} here.`,
      `Use one of ${Object.keys(values)
        .map((known) => `\${${known}}`)
        .join(', ')}, or write $\${${name}} to have it taken literally.`,
    )
  })
}
