// A table of the page: it scrolls by itself, and keys reach it.
import type { ComponentChildren } from 'preact'

/** Rows written; the rest is counted. */
export const rowsMax = 200

export function Table({
  caption,
  heads,
  children,
}: {
  caption: string
  heads: readonly string[]
  children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="table-scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}
