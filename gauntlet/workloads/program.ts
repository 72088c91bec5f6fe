// What has to be run for one instance: a command line with its environment. A copier of ours and a program of
// the user's are the same thing from here on, so that all that can be done to one can be done to the other.

export interface Program {
  command: string
  args: readonly string[]
  cwd?: string
  /** On top of our own environment; `undefined` takes a variable away. */
  env: Readonly<Record<string, string | undefined>>
  /** A line of its output that says that it is up; without one it counts as up once it runs. */
  ready?: RegExp
}
