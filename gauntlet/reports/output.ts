// Where text goes: the two streams, whether somebody watches, and the colours if they may be used.
import pc from 'picocolors'

type Colours = ReturnType<typeof pc.createColors>

export interface Output {
  /** What a script would read. */
  write(text: string): void
  /** What a person would read. */
  writeError(text: string): void
  /** Lines may be drawn over. */
  isLive: boolean
  columns(): number
  colours: Colours
}

const columnsDefault = 100

/** Colours and drawing over lines are for terminals; NO_COLOR takes the colours away. */
export function processOutput(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Output {
  const { stdout, stderr } = process
  const isLive = stdout.isTTY === true && environment.TERM !== 'dumb'
  const noColour = environment.NO_COLOR !== undefined && environment.NO_COLOR !== ''
  return {
    write: (text) => void stdout.write(text),
    writeError: (text) => void stderr.write(text),
    isLive,
    columns: () => stdout.columns ?? columnsDefault,
    colours: pc.createColors(isLive && !noColour),
  }
}

/** The same with everything for people on the error stream, so that the other holds nothing but data. */
export function dataOutput(output: Output): Output {
  return { ...output, isLive: false, write: output.writeError, colours: pc.createColors(false) }
}
